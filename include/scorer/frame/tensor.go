package frame

import (
	"strconv"

	"leapline/scorer/internal/jsonscan"
)

// AppendVector appends a vector, as indices and values if sparse is set.
func AppendVector(dst []byte, values []float64, sparse bool) []byte {
	if sparse {
		return appendNonZero(dst, values)
	}
	dst = appendDims(dst, len(values))
	dst = AppendDoubles(append(dst, `,"values":`...), values)
	return append(dst, '}')
}

// AppendDoubles appends an array of doubles.
func AppendDoubles(dst []byte, values []float64) []byte {
	dst = append(dst, '[')
	for i, x := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonscan.AppendFloat(dst, x)
	}
	return append(dst, ']')
}

func appendDims(dst []byte, n int) []byte {
	dst = append(dst, `{"dimensions":[`...)
	return append(strconv.AppendInt(dst, int64(n), 10), ']')
}

func appendNonZero(dst []byte, values []float64) []byte {
	dst = append(appendDims(dst, len(values)), `,"indices":[`...)
	mark := len(dst)
	for i, x := range values {
		if x != 0 {
			dst = appendIndex(dst, i, len(dst) == mark)
		}
	}
	dst = append(dst, `],"values":[`...)
	mark = len(dst)
	for _, x := range values {
		if x != 0 {
			if len(dst) > mark {
				dst = append(dst, ',')
			}
			dst = jsonscan.AppendFloat(dst, x)
		}
	}
	return append(dst, ']', '}')
}

func appendIndex(dst []byte, i int, first bool) []byte {
	if !first {
		dst = append(dst, ',')
	}
	return append(strconv.AppendInt(append(dst, '['), int64(i), 10), ']')
}

// AppendSparse appends a vector of n doubles from its indices and values.
func AppendSparse(dst []byte, n int, index []int32, values []float64) []byte {
	dst = append(appendDims(dst, n), `,"indices":[`...)
	for k, i := range index {
		dst = appendIndex(dst, int(i), k == 0)
	}
	dst = AppendDoubles(append(dst, `],"values":`...), values)
	return append(dst, '}')
}
