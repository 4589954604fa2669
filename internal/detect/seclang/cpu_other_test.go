//go:build !linux

package seclang

import "time"

var began = time.Now()

func cpuTime() time.Duration { return time.Since(began) }
