//go:build !race

package seclang

const stride = 1
