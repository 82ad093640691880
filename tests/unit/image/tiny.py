"""A workspace as small as one can be that still has all that real images are made of."""

from __future__ import annotations

from pathlib import Path

_ROOT = """
[workspace]
resolver = "2"
members = ["services/*", "unikernels/*", "containers/*"]

[workspace.package]
edition = "2024"

[workspace.dependencies]
unrelated = { path = "services/unrelated" }

[profile.release]
lto = "fat"
codegen-units = 1
panic = "abort"
strip = "symbols"
"""

_LOCK = """version = 4

[[package]]
name = "container-web"
version = "0.1.0"
dependencies = ["service"]

[[package]]
name = "service"
version = "0.1.0"

[[package]]
name = "unikernel-web"
version = "0.1.0"
dependencies = ["service"]

[[package]]
name = "unrelated"
version = "0.1.0"
"""

_SERVICE = """#![no_std]
/// A table whose bound is checked, so that a panic names this file.
pub fn pick(index: usize) -> u8 { b"service"[core::hint::black_box(index)] }
"""

_BINARY = """#![no_std]
#![no_main]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    if let Some(place) = info.location() { core::hint::black_box(place.file()); }
    loop {}
}
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! { loop { core::hint::black_box(service::pick(1)); } }
"""

_BUILD = """fn main() {
    for flag in ["-nostartfiles", "-nostdlib", "-static", "-no-pie"] {
        println!("cargo:rustc-link-arg-bins={flag}");
    }
}
"""


def _package(folder: Path, name: str, dependencies: str, source: str, content: str) -> None:
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(
        f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition.workspace = true\n\n'
        f"[dependencies]\n{dependencies}\n"
    )
    (folder / "src" / source).write_text(content)


def workspace(root: Path) -> Path:
    """Writes the workspace under `root` and returns it."""
    root.mkdir(parents=True)
    (root / "Cargo.toml").write_text(_ROOT)
    (root / "Cargo.lock").write_text(_LOCK)
    _package(root / "services" / "service", "service", "", "lib.rs", _SERVICE)
    _package(root / "services" / "unrelated", "unrelated", "", "lib.rs", "#![no_std]\n")
    for variant in ("unikernel", "container"):
        folder = root / f"{variant}s" / "web"
        _package(
            folder,
            f"{variant}-web",
            'service = { path = "../../services/service" }',
            "main.rs",
            _BINARY,
        )
        (folder / "build.rs").write_text(_BUILD)
    return root
