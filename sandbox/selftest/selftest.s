# A guest of under a kilobyte that does what our unikernels need of an accelerator, and says so:
# PVH entry, long mode, ring 3, SSE in ring 3, port I/O from ring 3, and the idle path (HLT in
# ring 3 faults, the ring-0 stub halts, the timer's interrupt returns to ring 3).
# It writes one line to COM1 and leaves through QEMU's isa-debug-exit at port 0xf4.
#
# Assembled into image.py by `python3 -m sandbox.assemble`; a test holds the two together.

.intel_syntax noprefix
.text
.code32
.globl _start
_start:
    cld
    cli
    mov al, 0xff                        # mask the legacy interrupt controllers
    out 0x21, al
    out 0xa1, al
    mov esp, offset kernel_stack

    # Identity: the first 2 MiB, and the 2 MiB with the local APIC's registers, all for ring 3.
    mov dword ptr [pml4], offset pdpt + 7
    mov dword ptr [pdpt], offset pd_low + 7
    mov dword ptr [pdpt + 3 * 8], offset pd_high + 7
    mov dword ptr [pd_low], 0x87
    mov dword ptr [pd_high + (0x3ee00000 >> 21) * 8], 0xfee00000 + 0x97

    mov eax, cr4
    or eax, 0x620                       # PAE, OSFXSR, OSXMMEXCPT
    mov cr4, eax
    mov eax, offset pml4
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x100                       # EFER.LME
    wrmsr
    mov eax, cr0
    and eax, 0x9ffffff3                 # caches on, no EM, no TS
    or eax, 0x80010023                  # PG, WP, NE, MP, PE
    mov cr0, eax
    lgdt [gdt_pointer]
    push 0x08
    mov eax, offset long_mode
    push eax
    retf

.code64
long_mode:
    mov rsp, offset kernel_stack

    # Vectors 0 to 31 end in `fault`, 13 in `general_protection`, 32 in `timer`.
    xor ecx, ecx
1:  mov edi, ecx
    shl edi, 4
    mov eax, offset fault
    call gate
    inc ecx
    cmp ecx, 32
    jne 1b
    mov edi, 13 * 16
    mov eax, offset general_protection
    call gate
    mov edi, 32 * 16
    mov eax, offset timer
    call gate
    lidt [idt_pointer]

    # A TSS with the ring-0 stack, and an I/O bitmap that opens every port: zeros, then ones.
    mov dword ptr [tss + 4], offset kernel_stack
    mov word ptr [tss + 102], 104
    mov byte ptr [tss + 104 + 8192], 0xff
    mov ax, 0x28
    ltr ax
    mov ax, 0x1b
    mov ds, ax
    mov es, ax

    push 0x1b
    push offset user_stack
    push 0x3002                         # IOPL 3, interrupts off
    push 0x23
    push offset user
    iretq

gate:                                   # edi: offset in the IDT, eax: handler
    mov word ptr [idt + rdi], ax
    mov word ptr [idt + rdi + 2], 0x08
    mov word ptr [idt + rdi + 4], 0x8e00
    shr eax, 16
    mov word ptr [idt + rdi + 6], ax
    ret

fault:                                  # whatever it is, this accelerator is not for us
    mov al, 0x7f
    out 0xf4, al
2:  hlt
    jmp 2b

general_protection:
    cmp qword ptr [rsp + 8], offset idle
    jne fault
    inc qword ptr [rsp + 8]             # past the one-byte HLT
3:  sti
    hlt
    jmp 3b

timer:
    mov eax, 0xfee000b0                 # end of interrupt
    mov dword ptr [rax], 0
    mov rsp, offset kernel_stack - 40   # the frame of the HLT that faulted
    iretq

user:
    mov eax, 0x3f800000                 # 1.0f + 1.0f with SSE
    movd xmm0, eax
    addss xmm0, xmm0
    movd eax, xmm0
    cmp eax, 0x40000000
    jne failed

    mov ebx, 0xfee00000
    mov dword ptr [rbx + 0xf0], 0x1ff   # local APIC on
    mov dword ptr [rbx + 0x3e0], 3      # divide by 16
    mov dword ptr [rbx + 0x320], 32     # one shot at vector 32
    mov dword ptr [rbx + 0x380], 62500  # a millisecond of a 1 GHz bus clock
idle:
    hlt

    mov esi, offset message
    mov ecx, offset message_end - message
    mov edx, 0x3f8
    rep outsb
    mov al, 0x10
    out 0xf4, al
failed:
    mov al, 0x7f
    out 0xf4, al
4:  jmp 4b

message:
    .ascii "{\"event\":\"ready\",\"node\":\"selftest\",\"kind\":\"selftest\"}\n"
message_end:

.balign 8
gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff
    .quad 0x0000890000002068 + ((TSS & 0xffffff) << 16), 0
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
idt_pointer:
    .word 33 * 16 - 1
    .quad idt

# Beyond the image: zeros, by the loader of every ELF.
.set BASE, 0x101000
.set pml4, BASE
.set pdpt, BASE + 0x1000
.set pd_low, BASE + 0x2000
.set pd_high, BASE + 0x3000
.set idt, BASE + 0x4000
.set TSS, BASE + 0x5000
.set tss, TSS
.set kernel_stack, BASE + 0x9000
.set user_stack, BASE + 0xa000
