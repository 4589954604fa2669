//go:build race

package seclang

// stride thins out what is played: the race detector makes it ten times slower.
const stride = 20
