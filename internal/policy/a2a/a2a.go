// Package a2a is the policies for the Agent2Agent protocol, version 0.3, in its
// JSON-RPC form: a2a-agent-card, a2a-schema-validation, a2a-pii-detector,
// a2a-prompt-decorator and a2a-token-rate-limit. They read requests, and of
// responses the agent card only. They know neither the REST form nor the gRPC
// form of the protocol.
package a2a

import (
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/policy"
)

//go:generate go run ../schemagen . .:ValidationSettings .:PIISettings .:DecoratorSettings .:LimitSettings

// category is that of all policies for A2A.
const category = "A2A"

// request is the need of a step that reads requests.
func request() policy.Need {
	return policy.Need{Mode: policy.Buffered, Limit: policy.RPCBodyLimit}
}

// sends says whether a message carries a prompt.
func sends(m *jsonrpc.Message) bool {
	return m.Method == "message/send" || m.Method == "message/stream"
}

// parts are the parts of the prompt of a message, and the list as it stands in
// the document.
func parts(m *jsonrpc.Message) (elements [][]byte, list []byte, err error) {
	found, err := policy.RPCMembers(m.Params, "message")
	if err != nil {
		return nil, nil, err
	}
	message, err := policy.RPCMembers(found["message"], "parts")
	if err != nil || message["parts"] == nil {
		return nil, nil, err
	}
	elements, _, err = jsontext.Elements(message["parts"], policy.RPCLimits().JSON)
	return elements, message["parts"], err
}
