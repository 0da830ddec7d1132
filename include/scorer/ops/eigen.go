package ops

import "math"

// symmetricEigen decomposes a symmetric n x n matrix by cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations,
// 8.5). It returns the eigenvalues, and the eigenvectors as columns of a row-major matrix; ok is false if an element is
// not finite.
func symmetricEigen(matrix []float64, n int) (values, vectors []float64, ok bool) {
	a := append([]float64(nil), matrix...)
	v := make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	norm := 0.0
	for _, x := range a {
		norm += float64(x * x)
	}
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return nil, nil, false
	}
	const sweeps = 60 // convergence is quadratic, about ten are sufficient
	for range sweeps {
		if offDiagonal(a, n) <= norm*1e-34 {
			break
		}
		for p := range n {
			for q := p + 1; q < n; q++ {
				rotate(a, v, n, p, q)
			}
		}
	}
	values = make([]float64, n)
	for i := range values {
		values[i] = a[i*n+i]
	}
	return values, v, true
}

// offDiagonal returns the sum of squares above the diagonal.
func offDiagonal(a []float64, n int) float64 {
	total := 0.0
	for p := range n {
		for q := p + 1; q < n; q++ {
			total += float64(a[p*n+q] * a[p*n+q])
		}
	}
	return total
}

// rotate makes the element (p, q) zero, and applies the rotation to v.
func rotate(a, v []float64, n, p, q int) {
	apq := a[p*n+q]
	if apq == 0 {
		return
	}
	theta := (a[q*n+q] - a[p*n+p]) / (2 * apq)
	t := math.Copysign(1, theta) / (math.Abs(theta) + math.Sqrt(float64(theta*theta)+1))
	c := 1 / math.Sqrt(float64(t*t)+1)
	s := t * c
	for k := range n {
		x, y := a[k*n+p], a[k*n+q]
		a[k*n+p], a[k*n+q] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
	}
	for k := range n {
		x, y := a[p*n+k], a[q*n+k]
		a[p*n+k], a[q*n+k] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
		x, y = v[k*n+p], v[k*n+q]
		v[k*n+p], v[k*n+q] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
	}
}
