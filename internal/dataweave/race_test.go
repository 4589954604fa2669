//go:build race

package dataweave

// stride thins out what is played: the race detector makes it ten times slower.
const stride = 8
