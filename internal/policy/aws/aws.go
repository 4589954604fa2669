// Package aws is the policies native-aws-signature-flex, which signs requests
// to services of Amazon Web Services, and native-aws-lambda, which answers them
// by a call of a function. Both are outbound. The signatures (Version 4 and 4A)
// are written here, because what is signed must be exactly what the gateway
// sends; where credentials come from is the SDK's affair.
package aws

import (
	_ "embed"
	"encoding/json"

	"farrier.dev/farrier/internal/policy"
)

//go:generate go run ../schemagen . .:LambdaSettings

//go:embed schema.json
var signatureSchema []byte

//go:embed lambda.json
var lambdaSchema []byte

// Signature is the entry of the catalogue for native-aws-signature-flex, which
// signs requests to a service of Amazon Web Services.
func Signature() policy.Policy {
	return policy.Policy{
		Name: "native-aws-signature-flex", Title: "AWS Request Signing", Category: "Security",
		Phase: policy.Shape, Outbound: true, Schema: signatureSchema, Warn: warnSignature,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compileSignature(settings) },
	}
}

// Lambda is the entry of the catalogue for native-aws-lambda, which calls a
// function in the place of a service.
func Lambda() policy.Policy {
	return policy.Policy{
		Name: "native-aws-lambda", Title: "AWS Lambda", Category: "Transformation",
		Phase: policy.Shape, Outbound: true, Schema: lambdaSchema, Warn: warnLambda,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compileLambda(settings) },
	}
}
