#include "textflag.h"

// The next row's leaf of one of four trees, whose codes are at offset(SI) and whose table is at TABLE.
#define LEAF(offset, TABLE) \
	MOVWLZX offset(SI), AX \
	MOVWLZX (TABLE)(AX*2), AX

// The two values of a leaf are added at once, each to its sum. An index is multiplied by at most 8, hence the addition.
#define ADDPAIR(offset, TABLE) \
	LEAF(offset, TABLE) \
	ADDQ   AX, AX \
	VADDPD (DX)(AX*8), X0, X0

#define ADDVALUE(offset, TABLE) \
	LEAF(offset, TABLE) \
	VADDSD (DX)(AX*8), X0, X0

// func sumPairs(codes *[GroupTrees][Rows]uint16, tables *[GroupTrees]*uint16, values, sums *float64, rows int)
TEXT ·sumPairs(SB), NOSPLIT, $0-40
	MOVQ codes+0(FP), SI
	MOVQ tables+8(FP), BX
	MOVQ values+16(FP), DX
	MOVQ sums+24(FP), DI
	MOVQ rows+32(FP), CX
	MOVQ 0(BX), R8
	MOVQ 8(BX), R9
	MOVQ 16(BX), R10
	MOVQ 24(BX), R11

row:
	VMOVUPD (DI), X0
	ADDPAIR(0, R8)
	ADDPAIR(1024, R9)
	ADDPAIR(2048, R10)
	ADDPAIR(3072, R11)
	VMOVUPD X0, (DI)
	ADDQ    $2, SI
	ADDQ    $16, DI
	DECQ    CX
	JNZ     row
	RET

// func sumValues(codes *[GroupTrees][Rows]uint16, tables *[GroupTrees]*uint16, values, sums *float64, rows int)
TEXT ·sumValues(SB), NOSPLIT, $0-40
	MOVQ codes+0(FP), SI
	MOVQ tables+8(FP), BX
	MOVQ values+16(FP), DX
	MOVQ sums+24(FP), DI
	MOVQ rows+32(FP), CX
	MOVQ 0(BX), R8
	MOVQ 8(BX), R9
	MOVQ 16(BX), R10
	MOVQ 24(BX), R11

row:
	VMOVSD (DI), X0
	ADDVALUE(0, R8)
	ADDVALUE(1024, R9)
	ADDVALUE(2048, R10)
	ADDVALUE(3072, R11)
	VMOVSD X0, (DI)
	ADDQ   $2, SI
	ADDQ   $8, DI
	DECQ   CX
	JNZ    row
	RET
