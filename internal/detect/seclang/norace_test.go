//go:build !race

package seclang

// stride thins out what is played, so that make check stays short; 1 plays all.
const stride = 3
