//go:build depsholder

// Package depsholder holds modules.
package depsholder

import (
	_ "github.com/dlclark/regexp2/v2"
	_ "github.com/dop251/goja"
	_ "github.com/evanw/esbuild/pkg/api"
	_ "github.com/open-policy-agent/opa/v1/rego"
	_ "github.com/pb33f/libopenapi-validator"
)
