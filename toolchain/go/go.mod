// The Go that is fetched where none is new enough: a module, so that go.sum vouches for it.
module topology/toolchain/go

go 1.17

require golang.org/toolchain v0.0.1-go1.26.7.linux-amd64
