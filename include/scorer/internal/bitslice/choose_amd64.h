// FIELDS loads the fields of the selection at offset(SI): 8 times the numbers of slots of 64 bytes.
#define FIELDS(offset) \
	MOVWLZX offset+0(SI), AX \ // out
	MOVWLZX offset+2(SI), BX \ // condition
	MOVWLZX offset+4(SI), CX \ // right
	MOVWLZX offset+6(SI), DX   // left

// CHOOSE is the body of func(slots *byte, selections *selection, n int): n selections, two at a time, by the SELECT of a file.
#define CHOOSE \
	MOVQ slots+0(FP), DI       \
	MOVQ selections+8(FP), SI  \
	MOVQ n+16(FP), R8          \
selections:                    \
	SELECT(0)                  \
	SELECT(8)                  \
	ADDQ $16, SI               \
	SUBQ $2, R8                \
	JG   selections            \
	VZEROUPPER                 \
	RET
