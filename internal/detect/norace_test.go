//go:build !race

package detect

// stride plays every case.
const stride = 1
