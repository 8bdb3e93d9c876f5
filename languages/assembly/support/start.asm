; Calls main with its arguments, and ends the program with what it returns. The loader has made the C library ready.
extern main, exit

section .text
global _start
_start: xor     ebp, ebp
        mov     rdi, [rsp]                  ; argc
        lea     rsi, [rsp + 8]              ; argv
        lea     rdx, [rsi + 8 * rdi + 8]    ; envp
        and     rsp, -16
        call    main
        mov     edi, eax
        call    exit
