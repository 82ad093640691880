//! Firmware of the machine that QEMU calls `pc`, for one purpose: to enter a kernel by PVH with its
//! memory map and its boot module, as soon as possible.
//!
//! QEMU has put the kernel in memory already; all else comes by its firmware configuration device
//! (QEMU, docs/specs/fw_cfg.rst and hw/i386/x86.c; Xen, docs/misc/pvh.pandoc). PCI is left as it is
//! after a reset, and no interrupt controller or table is set up: the machine layer of the unikernels
//! does what it needs itself. Firmware for everybody asks for each of 256 PCI functions, two exits
//! each: 16 ms where the hypervisor is a guest itself.
//!
//! Where a machine has no memory map or no kernel to enter, the processor stops: there is no console
//! to say so on, and libvirt starts no such machine.
#![no_std]
#![no_main]

core::arch::global_asm!(
    r#"
.set PLACE, 0xf000                  # of this code in its segment, by the linker script
.set DIRECT, 8                      # segments
.set DATA, 16

# Where low memory holds what is read and what is told. The kernel reads that before it uses memory.
.set STACK, 0x1000
.set REQUEST, 0x1000                # struct FWCfgDmaAccess, 16 bytes
.set NUMBER, 0x1010
.set START_INFO, 0x1040             # struct hvm_start_info, 56 bytes
.set MODULE, 0x1080                 # struct hvm_modlist_entry, 32 bytes
.set MEMORY, 0x10a0                 # of struct hvm_memmap_table_entry, 24 bytes each
.set CLEARED, 0x10b8                # to the end of the first of them
.set E820, 0x4000                   # of struct e820_entry, 20 bytes each
.set FILES, 0x6000                  # of struct FWCfgFile, 64 bytes each
.set LOW_END, 0xa0000               # of low memory
.set HIGH, 0x100000                 # where memory goes on

# The device's keys, and what its control word means.
.set KERNEL_ENTRY, 0x10
.set MODULE_ADDRESS, 0x0a
.set MODULE_SIZE, 0x0b
.set MODULE_DATA, 0x12
.set DIRECTORY, 0x19
.set FAILED, 1
.set READ, 2
.set SELECT, 8
.set DMA_LOW, 0x518                 # port: the request's address, most significant byte first

.section .reset, "ax"
.code16
    jmp real
    .balign 16, 0

.section .firmware, "ax"
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff        # DIRECT: all of memory, to execute
    .quad 0x00cf93000000ffff        # DATA: all of memory, to read and write
.set GDT_SIZE, . - gdt
gdt_pointer:
    .word GDT_SIZE - 1
    .long gdt

real:
    lgdtd cs:[PLACE + GDT_SIZE]     # the pointer behind the table
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xea                # jmp DIRECT:protected
    .long protected
    .word DIRECT

.code32
protected:
    mov ax, DATA
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, STACK
    cld
    xor eax, eax                    # after a reset, memory holds what the last life left
    mov edi, REQUEST
    mov ecx, (CLEARED - REQUEST) / 4
    rep stosd

    mov eax, DIRECTORY              # how many files there are, and what they are
    mov edi, NUMBER
    mov ecx, 4
    call fetch
    mov esi, [NUMBER]
    bswap esi
    mov ecx, esi
    shl ecx, 6
    mov ebx, FILES
    mov edi, ebx
    call fetch_more
2:  cmp dword ptr [ebx + 8], 0x2f637465     # "etc/"
    jne 3f
    cmp dword ptr [ebx + 12], 0x30323865    # "e820"
    jne 3f
    cmp byte ptr [ebx + 16], 0
    je 4f
3:  add ebx, 64
    dec esi
    jnz 2b
    jmp stop                        # no memory map, no machine

4:  mov esi, E820
    mov edi, esi
    mov ecx, [ebx]
    bswap ecx
    lea ebp, [esi + ecx]            # its end
    movzx eax, word ptr [ebx + 4]
    xchg al, ah
    call fetch

    mov edi, MEMORY                 # low memory; then all others, of which none begins below HIGH
    mov dword ptr [edi + 8], LOW_END
    mov byte ptr [edi + 16], 1
    mov ebx, 1
5:  add edi, 24
    mov eax, [esi]
    mov ecx, [esi + 4]
    mov edx, [esi + 8]
    test ecx, ecx
    jnz 6f
    cmp eax, HIGH
    jae 6f
    lea edx, [edx + eax - HIGH]
    mov eax, HIGH
6:  mov [edi], eax
    mov [edi + 4], ecx
    mov [edi + 8], edx
    mov eax, [esi + 12]
    mov [edi + 12], eax
    mov eax, [esi + 16]
    mov [edi + 16], eax
    inc ebx
    add esi, 20
    cmp esi, ebp
    jb 5b

    mov edi, START_INFO             # magic, version, modules, memory map
    mov dword ptr [edi], 0x336ec578
    mov byte ptr [edi + 4], 1
    mov dword ptr [edi + 40], MEMORY
    mov [edi + 48], ebx

    mov eax, MODULE_SIZE
    call number
    test eax, eax
    jz 7f
    mov byte ptr [START_INFO + 12], 1
    mov dword ptr [START_INFO + 16], MODULE
    mov [MODULE + 8], eax
    mov eax, MODULE_ADDRESS
    call number
    mov [MODULE], eax
    mov edi, eax
    mov ecx, [MODULE + 8]
    mov eax, MODULE_DATA
    call fetch

7:  mov eax, KERNEL_ENTRY
    call number
    test eax, eax
    jz stop                         # there is no kernel, or none that is entered by PVH
    mov ebx, START_INFO
    jmp eax

# The number, 32 bits, of key eax.
number:
    mov edi, NUMBER
    mov ecx, 4
    call fetch
    mov eax, [NUMBER]
    ret

# Fetches the first ecx bytes of key eax to edi, or the next ones of the same.
fetch:
    shl eax, 16
    or al, READ | SELECT
    jmp 8f
fetch_more:
    mov eax, READ
8:  bswap eax
    bswap ecx
    bswap edi
    mov [REQUEST], eax
    mov [REQUEST + 4], ecx
    mov [REQUEST + 12], edi
    mov eax, REQUEST << 8           # its bytes turned round
    mov dx, DMA_LOW
    out dx, eax
9:  mov eax, [REQUEST]
    test eax, eax                   # nothing is left to do
    jnz 10f
    ret
10: test eax, FAILED << 24
    jz 9b

stop:
    hlt
    jmp stop
"#,
    options(raw)
);

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
