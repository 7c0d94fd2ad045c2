#include "textflag.h"

// The three things that end a run, 32 times each.
DATA plainQuote<>+0(SB)/8, $0x2222222222222222
GLOBL plainQuote<>(SB), RODATA|NOPTR, $8
DATA plainSlash<>+0(SB)/8, $0x5c5c5c5c5c5c5c5c
GLOBL plainSlash<>(SB), RODATA|NOPTR, $8
DATA plainControl<>+0(SB)/8, $0x1f1f1f1f1f1f1f1f
GLOBL plainControl<>(SB), RODATA|NOPTR, $8

// func plainBlocks(p *byte, n int) (end int, high uint32)
//
// Y0..Y2 hold quote, backslash and the last control byte; Y3 the block; Y4 what stops in it; Y7 all bytes seen.
TEXT ·plainBlocks(SB), NOSPLIT, $0-28
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), BX
	XORQ AX, AX
	XORL CX, CX
	VPBROADCASTQ plainQuote<>(SB), Y0
	VPBROADCASTQ plainSlash<>(SB), Y1
	VPBROADCASTQ plainControl<>(SB), Y2
	VPXOR Y7, Y7, Y7

block:
	VMOVDQU (SI)(AX*1), Y3
	VPCMPEQB Y0, Y3, Y4
	VPCMPEQB Y1, Y3, Y5
	VPMINUB Y2, Y3, Y6
	VPCMPEQB Y6, Y3, Y6 // min(b, 0x1f) == b: a control byte
	VPOR Y4, Y5, Y4
	VPOR Y6, Y4, Y4
	VPMOVMSKB Y4, DX
	TESTL DX, DX
	JNZ stop
	VPOR Y3, Y7, Y7
	ADDQ $32, AX
	CMPQ AX, BX
	JLT block
	JMP done

stop:
	// Of the block that stops, only what stands before counts as seen.
	VPMOVMSKB Y3, CX
	BSFL DX, DI
	ADDQ DI, AX
	MOVL DX, R8
	NEGL R8
	ANDL R8, DX
	DECL DX
	ANDL DX, CX

done:
	VPMOVMSKB Y7, DX
	ORL DX, CX
	MOVQ AX, end+16(FP)
	MOVL CX, high+24(FP)
	VZEROUPPER
	RET
