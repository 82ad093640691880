// Writes the schema that the plugin embeds.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"

	"topology/toolchain/libvirt-plugin/info"
)

func main() { tfgen.Main(info.Name, info.Version, info.Provider()) }
