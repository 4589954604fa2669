//go:build deps

// Package depsholder.
package depsholder

import _ "github.com/gopacket/gopacket"
