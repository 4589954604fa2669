//go:build !race

package dataweave

// stride is 1 where everything is played.
const stride = 1
