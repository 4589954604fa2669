//go:build depsholder

package depsholder

import (
	_ "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	_ "github.com/aws/aws-sdk-go-v2/config"
	_ "github.com/beevik/etree"
	_ "github.com/c2sp/wycheproof"
	_ "github.com/coreos/go-oidc/v3/oidc"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	_ "github.com/go-ldap/ldap/v3"
	_ "github.com/lestrrat-go/jwx/v3/jwe"
	_ "github.com/lestrrat-go/jwx/v3/jws"
	_ "github.com/lestrrat-go/jwx/v3/jwt"
	_ "github.com/modelcontextprotocol/go-sdk/mcp"
	_ "github.com/pb33f/libopenapi"
	_ "github.com/russellhaering/goxmldsig"
	_ "github.com/tetratelabs/wazero"
	_ "github.com/tiktoken-go/tokenizer"
	_ "github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	_ "github.com/valkey-io/valkey-go"
	_ "github.com/vektah/gqlparser/v2"
	_ "go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	_ "go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	_ "go.opentelemetry.io/otel/sdk/trace"
	_ "go.opentelemetry.io/otel/trace"
	_ "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	_ "golang.org/x/oauth2"
	_ "google.golang.org/grpc"
	_ "google.golang.org/protobuf/proto"
)
