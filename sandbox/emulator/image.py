"""Made from emulator.s by `python3 -m sandbox.assemble`: do not edit."""

__all__ = ["CODE"]

CODE = bytes.fromhex(
    "31dbb89d000000bf1800000089de31d24531d24531c00f05ffc385c074e483f8ea751c488d3d2100"
    "0000488b0c24488d742408488d54cc10b83b0000000f05bf7e000000b83c0000000f05"
)
