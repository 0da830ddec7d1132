#include "textflag.h"
#include "choose_amd64.h"

// One selection out = condition ? right : left at offset(SI), with the vectors at DI; see avx512_amd64.s. It is computed as
// (right ^ left) & condition ^ left, in two halves. Both are loaded before one is stored, as out may be an operand.
#define SELECT(offset) \
	FIELDS(offset) \
	VMOVDQU (DI)(DX*8), Y0 \
	VMOVDQU 32(DI)(DX*8), Y1 \
	VPXOR   (DI)(CX*8), Y0, Y2 \
	VPXOR   32(DI)(CX*8), Y1, Y3 \
	VPAND   (DI)(BX*8), Y2, Y2 \
	VPAND   32(DI)(BX*8), Y3, Y3 \
	VPXOR   Y0, Y2, Y2 \
	VPXOR   Y1, Y3, Y3 \
	VMOVDQU Y2, (DI)(AX*8) \
	VMOVDQU Y3, 32(DI)(AX*8)

// func chooseAVX2(slots *byte, selections *selection, n int)
TEXT ·chooseAVX2(SB), NOSPLIT, $0-24
	CHOOSE

// powers are the bits of 16 bits.
DATA powers<>+0(SB)/8, $0x0008000400020001
DATA powers<>+8(SB)/8, $0x0080004000200010
DATA powers<>+16(SB)/8, $0x0800040002000100
DATA powers<>+24(SB)/8, $0x8000400020001000
GLOBL powers<>(SB), RODATA|NOPTR, $32

// func gatherAVX2(slots *byte, bits *uint16, n int, codes *[Rows]uint16)
//
// 16 bits are copied to 16 numbers, of which each keeps the bit of its row. Comparing with that bit gives 0 or -1.
TEXT ·gatherAVX2(SB), NOSPLIT, $0-32
	MOVQ slots+0(FP), DI
	MOVQ bits+8(FP), SI
	MOVQ n+16(FP), R8
	MOVQ codes+24(FP), R9
	VMOVDQU powers<>(SB), Y15
	LEAQ    -2(SI)(R8*2), SI // the highest bit
	MOVQ $64, R10

rows: // 32 of them: 4 bytes of each vector
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	MOVQ  SI, R11
	MOVQ  R8, R12

bits:
	MOVWLZX      (R11), AX
	VPBROADCASTW (DI)(AX*8), Y2
	VPBROADCASTW 2(DI)(AX*8), Y3
	VPAND        Y15, Y2, Y2
	VPAND        Y15, Y3, Y3
	VPCMPEQW     Y15, Y2, Y2
	VPCMPEQW     Y15, Y3, Y3
	VPADDW       Y0, Y0, Y0
	VPADDW       Y1, Y1, Y1
	VPSUBW       Y2, Y0, Y0
	VPSUBW       Y3, Y1, Y1
	SUBQ         $2, R11
	DECQ         R12
	JNZ          bits

	VMOVDQU Y0, (R9)
	VMOVDQU Y1, 32(R9)
	ADDQ    $64, R9
	ADDQ    $4, DI
	SUBQ    $4, R10
	JNZ     rows
	VZEROUPPER
	RET

// func compareAVX2(out *byte, keys *[Rows]int64, thresholds *int64, n int)
//
// 32 rows are compared with one threshold after the other. The results of 64 bits are packed to bytes, whose signs are the 32
// bits of the vector; the order of the keys, see packedOrder, compensates for packing within halves of registers.
TEXT ·compareAVX2(SB), NOSPLIT, $0-32
	MOVQ out+0(FP), DI
	MOVQ keys+8(FP), SI
	MOVQ thresholds+16(FP), DX
	MOVQ n+24(FP), R8
	MOVQ $16, R10

rows:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), Y2
	VMOVDQU 96(SI), Y3
	VMOVDQU 128(SI), Y4
	VMOVDQU 160(SI), Y5
	VMOVDQU 192(SI), Y6
	VMOVDQU 224(SI), Y7
	MOVQ    DX, R11
	MOVQ    DI, R9
	MOVQ    R8, R12

thresholds:
	VPBROADCASTQ (R11), Y15
	VPCMPGTQ  Y15, Y0, Y8
	VPCMPGTQ  Y15, Y1, Y9
	VSHUFPS   $0x88, Y9, Y8, Y8
	VPCMPGTQ  Y15, Y2, Y10
	VPCMPGTQ  Y15, Y3, Y11
	VSHUFPS   $0x88, Y11, Y10, Y10
	VPACKSSDW Y10, Y8, Y8
	VPCMPGTQ  Y15, Y4, Y12
	VPCMPGTQ  Y15, Y5, Y13
	VSHUFPS   $0x88, Y13, Y12, Y12
	VPCMPGTQ  Y15, Y6, Y9
	VPCMPGTQ  Y15, Y7, Y11
	VSHUFPS   $0x88, Y11, Y9, Y9
	VPACKSSDW Y9, Y12, Y12
	VPACKSSWB Y12, Y8, Y8
	VPMOVMSKB Y8, AX
	MOVL      AX, (R9)
	ADDQ      $8, R11
	ADDQ      $64, R9
	DECQ      R12
	JNZ       thresholds

	ADDQ $256, SI
	ADDQ $4, DI
	DECQ R10
	JNZ  rows
	VZEROUPPER
	RET
