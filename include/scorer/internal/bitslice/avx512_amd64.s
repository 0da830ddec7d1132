#include "textflag.h"
#include "choose_amd64.h"

// One selection out = condition ? right : left at offset(SI), with the vectors at DI. Immediate 0xCA is the truth table of the selection.
#define SELECT(offset) \
	FIELDS(offset) \
	VMOVDQU64 (DI)(BX*8), Z0 \
	VMOVDQU64 (DI)(CX*8), Z1 \
	VPTERNLOGQ $0xCA, (DI)(DX*8), Z1, Z0 \
	VMOVDQU64 Z0, (DI)(AX*8)

// func chooseAVX512(slots *byte, selections *selection, n int)
TEXT ·chooseAVX512(SB), NOSPLIT, $0-24
	CHOOSE

// func gatherAVX512(slots *byte, bits *uint16, n int, codes *[Rows]uint16)
//
// A mask of 32 rows, directly from a vector of bits, adds the bit's value to the codes of these rows.
TEXT ·gatherAVX512(SB), NOSPLIT, $0-32
	MOVQ slots+0(FP), DI
	MOVQ bits+8(FP), SI
	MOVQ n+16(FP), R8
	MOVQ codes+24(FP), R9
	MOVQ $1, AX
	VPBROADCASTW AX, Z16
	MOVQ $64, R10

rows: // 32 of them: 4 bytes of each vector
	VPXORQ    Z0, Z0, Z0
	VMOVDQU64 Z16, Z1
	MOVQ      SI, R11
	MOVQ      R8, R12

bits:
	MOVWLZX (R11), AX
	KMOVD   (DI)(AX*8), K1
	VPADDW  Z1, Z0, K1, Z0
	VPADDW  Z1, Z1, Z1
	ADDQ    $2, R11
	DECQ    R12
	JNZ     bits

	VMOVDQU64 Z0, (R9)
	ADDQ      $64, R9
	ADDQ      $4, DI
	SUBQ      $4, R10
	JNZ       rows
	VZEROUPPER
	RET

// func compareAVX512(out *byte, keys *[Rows]int64, thresholds *int64, n int)
//
// 64 rows are compared with one threshold after the other, so that 8 bytes of each vector are written at once.
TEXT ·compareAVX512(SB), NOSPLIT, $0-32
	MOVQ out+0(FP), DI
	MOVQ keys+8(FP), SI
	MOVQ thresholds+16(FP), DX
	MOVQ n+24(FP), R8
	MOVQ $8, R10

rows:
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VMOVDQU64 128(SI), Z2
	VMOVDQU64 192(SI), Z3
	VMOVDQU64 256(SI), Z4
	VMOVDQU64 320(SI), Z5
	VMOVDQU64 384(SI), Z6
	VMOVDQU64 448(SI), Z7
	MOVQ      DX, R11
	MOVQ      DI, R9
	MOVQ      R8, R12

thresholds: // predicate 6 is signed greater
	VPBROADCASTQ (R11), Z8
	VPCMPQ $6, Z8, Z0, K0
	VPCMPQ $6, Z8, Z1, K1
	VPCMPQ $6, Z8, Z2, K2
	VPCMPQ $6, Z8, Z3, K3
	VPCMPQ $6, Z8, Z4, K4
	VPCMPQ $6, Z8, Z5, K5
	VPCMPQ $6, Z8, Z6, K6
	VPCMPQ $6, Z8, Z7, K7
	KMOVB  K0, 0(R9)
	KMOVB  K1, 1(R9)
	KMOVB  K2, 2(R9)
	KMOVB  K3, 3(R9)
	KMOVB  K4, 4(R9)
	KMOVB  K5, 5(R9)
	KMOVB  K6, 6(R9)
	KMOVB  K7, 7(R9)
	ADDQ   $8, R11
	ADDQ   $64, R9
	DECQ   R12
	JNZ    thresholds

	ADDQ $512, SI
	ADDQ $8, DI
	DECQ R10
	JNZ  rows
	VZEROUPPER
	RET
