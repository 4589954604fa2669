//go:build depsholder

// Package depsholder keeps dependencies in go.mod while they get their users.
package depsholder

import (
	_ "deps.dev/util/maven"
	_ "deps.dev/util/semver"
	_ "github.com/CycloneDX/cyclonedx-go"
)
