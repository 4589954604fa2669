package otlp

import (
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// kind is a Span.SpanKind.
type kind uint8

const (
	server   kind = 2
	client   kind = 3
	producer kind = 4
	consumer kind = 5
)

// key names a span: the 16 bytes of its trace and the 8 of its own.
type key [24]byte

// none says that there is no such span.
func (k *key) none() bool { return [8]byte(k[16:]) == [8]byte{} }

// span is what is read of a span.
type span struct {
	key, parent key
	name        string
	kind        kind
	// start is in nanoseconds since 1970.
	start  uint64
	failed bool
	// service is that of the resource.
	service    string
	attributes attributes
}

// trait is an attribute that has a meaning here.
type trait uint8

// The attributes. One that has several names in the conventions is one here.
const (
	method trait = iota
	fullURL
	urlPath
	urlQuery
	target
	scheme
	host
	hostPort
	route
	statusCode
	clientAddress
	version
	peerService
	peerHost
	peerPort
	rpcSystem
	rpcService
	rpcMethod
	rpcStatus
	messagingSystem
	destination
	temporary
	location
	flowName
	attributeCount
)

type attributes [attributeCount]string

// named gives the attribute of a name in the stable or an older convention.
func named(name string) (trait, bool) {
	switch name {
	case "http.request.method", "http.method":
		return method, true
	case "url.full", "http.url":
		return fullURL, true
	case "url.path":
		return urlPath, true
	case "url.query":
		return urlQuery, true
	case "http.target":
		return target, true
	case "url.scheme", "http.scheme":
		return scheme, true
	case "server.address", "http.host", "net.host.name", "http.server_name":
		return host, true
	case "server.port", "net.host.port":
		return hostPort, true
	case "http.route":
		return route, true
	case "http.response.status_code", "http.status_code":
		return statusCode, true
	case "client.address", "http.client_ip":
		return clientAddress, true
	case "network.protocol.version", "http.flavor":
		return version, true
	case "peer.service":
		return peerService, true
	case "net.peer.name":
		return peerHost, true
	case "net.peer.port":
		return peerPort, true
	}
	return namedElse(name)
}

// namedElse is named for what does not speak HTTP.
func namedElse(name string) (trait, bool) {
	switch name {
	case "rpc.system", "rpc.system.name":
		return rpcSystem, true
	case "rpc.service":
		return rpcService, true
	case "rpc.method":
		return rpcMethod, true
	case "rpc.grpc.status_code", "rpc.response.status_code":
		return rpcStatus, true
	case "messaging.system":
		return messagingSystem, true
	case "messaging.destination.name", "messaging.destination", "messaging.destination_publish.name":
		return destination, true
	case "messaging.destination.temporary", "messaging.destination.anonymous", "messaging.temp_destination":
		return temporary, true
	case "location":
		return location, true
	case "mule.app.flow.name":
		return flowName, true
	}
	return 0, false
}

// The longest texts that are kept, in bytes.
const (
	maxName  = 256
	maxValue = 8 << 10
)

// set keeps an attribute; the first name of several wins.
func (a *attributes) set(name, value string) {
	if at, ok := named(name); ok && a[at] == "" && len(value) <= maxValue {
		a[at] = value
	}
}

// errMessage is what the sender reads of a message that is none.
var errMessage = errors.New("the message is no ExportTraceServiceRequest")

// serviceName is the attribute of a resource that names its service.
const serviceName = "service.name"

// fields calls each for every field of a message of the wire; a value is the
// content of fields with a length, or else a number.
func fields(text []byte, each func(n protowire.Number, value []byte, number uint64) error) error {
	for len(text) > 0 {
		n, form, size := protowire.ConsumeTag(text)
		if size < 0 {
			return errMessage
		}
		text = text[size:]
		var value []byte
		var number uint64
		switch form {
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(text)
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(text)
		case protowire.Fixed64Type:
			number, size = protowire.ConsumeFixed64(text)
		case protowire.Fixed32Type, protowire.StartGroupType, protowire.EndGroupType:
			size = protowire.ConsumeFieldValue(n, form, text)
		default:
			size = -1
		}
		if size < 0 {
			return errMessage
		}
		if err := each(n, value, number); err != nil {
			return err
		}
		text = text[size:]
	}
	return nil
}

// decode reads an ExportTraceServiceRequest, one span after the other into the
// same memory.
func decode(text []byte, take func(*span)) error {
	return fields(text, func(n protowire.Number, resource []byte, _ uint64) error {
		if n != 1 {
			return nil
		}
		name := ""
		err := fields(resource, func(n protowire.Number, value []byte, _ uint64) error {
			if n != 1 {
				return nil
			}
			return fields(value, func(n protowire.Number, pair []byte, _ uint64) error {
				if n != 1 {
					return nil
				}
				k, v, err := decodePair(pair)
				if k == serviceName {
					name = clip(v)
				}
				return err
			})
		})
		if err != nil {
			return err
		}
		return decodeScopes(resource, name, take)
	})
}

// decodeScopes reads the spans of a resource.
func decodeScopes(resource []byte, service string, take func(*span)) error {
	return fields(resource, func(n protowire.Number, scope []byte, _ uint64) error {
		if n != 2 {
			return nil
		}
		return fields(scope, func(n protowire.Number, value []byte, _ uint64) error {
			if n != 2 {
				return nil
			}
			one := span{service: service}
			if err := one.decode(value); err != nil {
				return err
			}
			take(&one)
			return nil
		})
	})
}

// decode reads a span.
func (s *span) decode(text []byte) error {
	var trace, id, parent []byte
	err := fields(text, func(n protowire.Number, value []byte, number uint64) error {
		switch n {
		case 1:
			trace = value
		case 2:
			id = value
		case 4:
			parent = value
		case 5:
			s.name = clip(string(value[:min(len(value), maxName+utf8.UTFMax)]))
		case 6:
			s.kind = kind(min(number, math.MaxUint8)) //nolint:gosec // it is bounded
		case 7:
			s.start = number
		case 9:
			name, text, err := decodePair(value)
			s.attributes.set(name, text)
			return err
		case 15:
			return fields(value, func(n protowire.Number, _ []byte, number uint64) error {
				s.failed = s.failed || n == 3 && number == 2
				return nil
			})
		default:
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.identify(trace, id, parent)
}

// identify sets the keys of a span.
func (s *span) identify(trace, id, parent []byte) error {
	if len(trace) != 16 || len(id) != 8 || len(parent) != 0 && len(parent) != 8 {
		return errors.New("a span has no valid trace id and span id")
	}
	copy(s.key[:], trace)
	copy(s.key[16:], id)
	copy(s.parent[:], trace)
	copy(s.parent[16:], parent)
	return nil
}

// decodePair reads a KeyValue whose value is simple; others are empty.
func decodePair(text []byte) (name, value string, err error) {
	err = fields(text, func(n protowire.Number, content []byte, _ uint64) error {
		switch n {
		case 1:
			if len(content) <= maxName {
				name = string(content)
			}
		case 2:
			return fields(content, func(n protowire.Number, content []byte, number uint64) error {
				switch n {
				case 1:
					if len(content) <= maxValue && utf8.Valid(content) {
						value = string(content)
					}
				case 2:
					value = strconv.FormatBool(number != 0)
				case 3:
					value = strconv.FormatInt(int64(number), 10) //nolint:gosec // two's complement, as it is meant
				default:
				}
				return nil
			})
		default:
		}
		return nil
	})
	return name, value, err
}

// clip bounds a name.
func clip(text string) string {
	if len(text) <= maxName && utf8.ValidString(text) {
		return text
	}
	clean := make([]rune, 0, maxName)
	size := 0
	for _, r := range text {
		if size += utf8.RuneLen(r); size > maxName {
			break
		}
		clean = append(clean, r)
	}
	return string(clean)
}
