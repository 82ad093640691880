//! From the hypervisor's entry point to ring 3, and the ring-0 stubs that remain.
//!
//! The hypervisor enters by PVH: 32-bit, flat, no paging, the address of the start information in
//! `ebx`. Some sixty instructions later the program runs in ring 3 and stays there. Ring 0 keeps
//! three things, all in the `.stub` section, which ring 3 can neither read nor write: going idle,
//! taking interrupts while idle, and naming exceptions. There are reasons: the service holds no
//! privilege; interrupts arrive nowhere but in the idle stub, so nothing ever interrupts Rust code;
//! and a hypervisor that interprets ring 0 (kvm-pvm: 0.8 µs an instruction, no SSE) runs it at full
//! speed.
//!
//! Ring 3 asks for its two services by a privileged instruction at a known address: the processor
//! raises a general protection fault, whose stub compares the address. (`int n` and `syscall`
//! do not work as gates on kvm-pvm.)

/// Defines the entry point, the stubs and their tables; [`entry!`](crate::entry) expands it in the
/// binary, so that nothing else that links this crate (a test on the host) needs these symbols.
#[doc(hidden)]
#[macro_export]
macro_rules! boot_assembly {
    () => {
        core::arch::global_asm!(
            r#"
.section .note.pvh, "a", @note
.balign 4
.long 4, 8, 18                      # XEN_ELFNOTE_PHYS32_ENTRY
.asciz "Xen"
.quad pvh_start

.section .stub, "ax"
.code32
.globl pvh_start
pvh_start:
    cld
    cli
    mov al, 0xff                    # both 8259s masked: interrupts come as messages only
    out 0x21, al
    out 0xa1, al
    mov esp, offset stub_stack_top
    mov edi, ebx

    mov eax, 0x40000000             # KVM's paravirtual clock, while MSRs can be written
    cpuid
    cmp ebx, 0x4b4d564b             # "KVMK"
    jne 1f
    mov eax, 0x40000001
    cpuid
    test eax, 8                     # KVM_FEATURE_CLOCKSOURCE2
    jz 1f
    mov ecx, 0x4b564d01             # MSR_KVM_SYSTEM_TIME_NEW
    mov eax, offset pvclock + 1
    xor edx, edx
    wrmsr
1:
    mov dword ptr [boot_pml4], offset boot_pdpt + 7
    mov dword ptr [boot_pdpt], offset boot_pd + 7
.set i, 0
.rept {boot_pages}
    mov dword ptr [boot_pd + 8 * i], 0x200000 * i + 0x87
    .set i, i + 1
.endr
    mov eax, 0x80000001
    cpuid
    mov ecx, 0xc0000080             # EFER: long mode, and no-execute where there is such a thing
    shr edx, 9
    and edx, 0x800
    mov esi, edx
    rdmsr
    or eax, 0x100
    or eax, esi
    wrmsr
    mov eax, cr4
    or eax, 0x620                   # PAE, OSFXSR, OSXMMEXCPT
    mov cr4, eax
    mov eax, offset boot_pml4
    mov cr3, eax
    mov eax, cr0
    and eax, 0x9ffffff3             # caches on, no emulation of the FPU
    or eax, 0x80010023              # paging, write protection, FPU
    mov cr0, eax
    lgdt [gdt_pointer]
    lidt [idt_pointer]
    push 0x08
    mov eax, offset stub64
    push eax
    retf
.code64
stub64:
    mov rax, offset stub_stack_top
    mov rsp, rax
    mov [tss + 4], rax              # rsp0
    mov word ptr [tss + 102], 104   # the port bitmap follows the segment
    mov byte ptr [tss + 104 + 8192], 0xff
    mov eax, offset tss
    mov [gdt_tss + 2], ax
    shr eax, 16
    mov [gdt_tss + 4], al
    mov byte ptr [gdt_tss + 5], 0x89
    mov byte ptr [gdt_tss + 7], ah
    mov ax, 0x28
    ltr ax
    mov ax, 0x1b
    mov ds, ax
    mov es, ax
    mov edi, edi
    push 0x1b                       # ss
    push offset __stack_top - 8
    push 0x2                        # flags: interrupts off, I/O by the bitmap
    push 0x23                       # cs, ring 3
    push offset unikernel_main
    iretq

# A general protection fault is a request when it comes from one of ring 3's two known places.
# Frame: error code, rip, cs, flags, rsp, ss.
.globl stub_protection
stub_protection:
    cmp qword ptr [rsp + 8], offset ring3_idle
    je 2f
    cmp qword ptr [rsp + 8], offset ring3_load_tables
    jne stub_fault_13
    cmp byte ptr [tables_loaded], 0 # page tables are loaded once
    jne stub_fault_13
    mov byte ptr [tables_loaded], 1
    mov cr3, rax
    add qword ptr [rsp + 8], 3
    add rsp, 8
    iretq
2:  inc qword ptr [rsp + 8]
3:  sti
    hlt
    jmp 3b

# Interrupts arrive in the idle stub only: acknowledge, and return to whoever went idle.
.globl stub_interrupt
stub_interrupt:
    mov eax, 0xfee000b0             # end of interrupt
    mov dword ptr [rax], 0
.globl stub_spurious
stub_spurious:
    mov rsp, offset stub_stack_top - 40
    iretq

# Exceptions continue in ring 3, at the top of its stack, with what is known as arguments.
.balign 16
.globl stub_exceptions
stub_exceptions:
.set i, 0
.rept 32
    .balign 16
    .if i == 13
stub_fault_13:
    .endif
    .if i == 8 || i == 10 || i == 11 || i == 12 || i == 13 || i == 14 || i == 17 || i == 21 || i == 29 || i == 30
    .else
    push 0
    .endif
    mov edi, i
    jmp stub_exception
    .set i, i + 1
.endr
.balign 16
stub_exception:
    mov rsi, [rsp]
    mov rdx, [rsp + 8]
    mov rcx, cr2
    mov r8, [rsp + 32]
    mov rsp, offset stub_stack_top
    push 0x1b
    push offset __stack_top - 8
    push 0x2
    push 0x23
    push offset {exception}
    iretq

.balign 16
gdt:                                # ring 0 code, data; ring 3 data, code: accessed bits set
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff
gdt_tss:
    .quad 0x2068, 0
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .quad gdt
idt_pointer:
    .word 4095
    .quad idt

.section .text.ring3, "ax"
.globl ring3_idle
ring3_idle:
    hlt
    ret
.globl ring3_load_tables
ring3_load_tables:
    mov cr3, rax
    ret

.section .bss.supervisor, "aw", @nobits
.balign 4096
.globl idt
idt:
    .skip 4096
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
boot_pd:
    .skip 4096
.globl tss
tss:
    .skip 104 + 8192 + 8
tables_loaded:
    .skip 8
.balign 16
    .skip 1024
stub_stack_top:

.section .bss.pvclock, "aw", @nobits
.balign 4096
.globl pvclock
pvclock:
    .skip 4096
"#,
            exception = sym $crate::interrupts::exception,
            boot_pages = const $crate::boot::BOOT_PAGES,
        );
    };
}

/// Pages of 2 MiB that the first page tables map; the image and the start information lie there.
pub const BOOT_PAGES: usize = 8;

/// Where the parts of the running image are: what only the linker and the assembler know.
#[derive(Clone, Copy)]
pub struct Image {
    /// First byte of the image.
    pub start: usize,
    /// First byte of code that ring 3 executes.
    pub text: usize,
    /// First byte of constants.
    pub rodata: usize,
    /// First byte of variables.
    pub data: usize,
    /// First byte of what ring 0 alone reads and writes.
    pub supervisor: usize,
    /// First byte after that, the page of the paravirtual clock.
    pub clock: usize,
    /// The page below the stack, never mapped.
    pub guard: usize,
    /// First byte after the image.
    pub end: usize,
    /// The interrupt descriptor table.
    pub idt: usize,
    /// The task state segment and its port bitmap.
    pub tss: usize,
    /// Stub of the general protection fault.
    pub protection: usize,
    /// Stub of every interrupt but the spurious one.
    pub interrupt: usize,
    /// Stub of the spurious interrupt.
    pub spurious: usize,
    /// Thirty-two exception stubs, 16 bytes each.
    pub exceptions: usize,
    /// Goes idle until an interrupt.
    pub idle: usize,
    /// Loads the page tables whose root is in `rax`, once.
    pub load_tables: usize,
}

/// PVH start information (`hvm_start_info` of Xen's public headers, version 1).
#[repr(C)]
pub(crate) struct StartInfo {
    pub magic: u32,
    pub version: u32,
    pub flags: u32,
    pub module_count: u32,
    pub modules: u64,
    pub command_line: u64,
    pub rsdp: u64,
    pub memory_map: u64,
    pub memory_map_entries: u32,
    pub reserved: u32,
}

impl StartInfo {
    /// What `magic` must be.
    pub const MAGIC: u32 = 0x336e_c578;
}

/// One boot module (`hvm_modlist_entry`).
#[repr(C)]
pub(crate) struct ModuleEntry {
    pub address: u64,
    pub size: u64,
    pub command_line: u64,
    pub reserved: u64,
}

/// One range of the memory map (`hvm_memmap_table_entry`).
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct MemoryEntry {
    pub address: u64,
    pub size: u64,
    pub kind: u32,
    pub reserved: u32,
}

impl MemoryEntry {
    /// The `kind` of usable memory.
    pub const RAM: u32 = 1;
}
