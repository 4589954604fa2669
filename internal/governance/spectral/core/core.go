// Package core holds the rulesets that Spectral ships and most others extend:
// spectral:oas and spectral:asyncapi, with the rules, severities and results that
// they have there, in words of our own. What OpenAPI and AsyncAPI demand of the
// structure of a description is judged by the readers of those languages, not
// here.
package core

import (
	_ "embed"
	"slices"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

//go:embed oas.yaml
var oasText []byte

//go:embed asyncapi.yaml
var asyncapiText []byte

// Builtin are the rulesets by the names that others extend them by.
func Builtin() map[string]spectral.Builtin {
	shared := map[string]spectral.Function{
		"documentSchema":  plain(documentSchema),
		"serverVariables": serverVariables,
		"uniquenessTags":  plain(uniqueTags),
	}
	with := func(own map[string]spectral.Function) map[string]spectral.Function {
		for name, f := range shared {
			own[name] = f
		}
		return own
	}
	return map[string]spectral.Builtin{
		"spectral:oas": {Text: oasText, Functions: with(map[string]spectral.Function{
			"oasDiscriminator":          plain(discriminator),
			"oasExample":                example,
			"oasOpFormDataConsumeCheck": plain(formDataConsumed),
			"oasOpIdUnique":             plain(uniqueOperationIDs),
			"oasOpParams":               plain(operationParameters),
			"oasOpSuccessResponse":      plain(successResponse),
			"oasPathParam":              plain(pathParameters),
			"oasSecurityDefined":        plain(securityDefined),
			"oasTagDefined":             plain(tagsDefined),
			"oasUnusedComponent":        unusedComponent,
			"refSiblings":               plain(referenceSiblings),
			"typedEnum":                 plain(typedEnum),
		})},
		"spectral:asyncapi": {Text: asyncapiText, Functions: with(map[string]spectral.Function{
			"asyncApi2ChannelServers":            plain(channelServers),
			"asyncApi2MessageExamplesValidation": plain(messageExamples),
			"asyncApi2MessageIdUniqueness":       plain(uniqueMessageIDs),
			"asyncApi2OperationIdUniqueness":     plain(uniqueAsyncOperationIDs),
			"asyncApiChannelParameters":          plain(channelParameters),
			"asyncApiPayloadValidation":          plain(payload),
			"asyncApiSchemaValidation":           schemaValues,
			"asyncApiSecurity":                   plain(asyncSecurity),
		})},
	}
}

// plain makes a function without options, or whose options change no result.
func plain(check spectral.Check) spectral.Function {
	return func(*tree.Node) (spectral.Check, error) { return check, nil }
}

// at is a complaint about a place that is given from the root.
func at(message string, path ...string) spectral.Problem {
	return spectral.Problem{Message: message, Path: path}
}

// below is a complaint about a place that is given from the value.
func below(message string, steps ...string) spectral.Problem {
	return spectral.Problem{Message: message, Below: steps}
}

// path joins steps; the outcome shares nothing with the first.
func path(base []string, steps ...string) []string {
	return append(slices.Clone(base), steps...)
}

// version is the major version of OpenAPI that a document is written in, 0 for
// others.
func version(root *tree.Node) int {
	switch text := root.Get("openapi").Str(); {
	case len(text) > 0 && text[0] == '3':
		return 3
	case len(root.Get("swagger").Str()) > 0 && root.Get("swagger").Str()[0] == '2':
		return 2
	}
	return 0
}

// textsOnly says whether a value is a list of texts.
func textsOnly(n *tree.Node) bool {
	return n.Is(tree.Array) && !slices.ContainsFunc(n.Items, func(i *tree.Node) bool { return !i.Is(tree.String) })
}

// scalarKey tells values without others apart; ok is false for those with.
func scalarKey(n *tree.Node) (key string, ok bool) {
	if n == nil || n.Kind == tree.Object || n.Kind == tree.Array {
		return "", false
	}
	return n.Kind.String() + " " + n.Text, true
}
