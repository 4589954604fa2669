package diff

// Kind is what is different; its name is stable.
type Kind string

// The kinds of changes of operations and what belongs to them.
const (
	OperationRemoved    Kind = "operation-removed"
	OperationAdded      Kind = "operation-added"
	OperationUnsecured  Kind = "operation-added-without-security"
	OperationDeprecated Kind = "operation-deprecated"
	OperationRestored   Kind = "operation-no-longer-deprecated"
	OperationRenamed    Kind = "operation-id-changed"

	ParameterRemoved  Kind = "parameter-removed"
	ParameterAdded    Kind = "parameter-added"
	ParameterRenamed  Kind = "path-parameter-renamed"
	ParameterRequired Kind = "parameter-required"
	ParameterOptional Kind = "parameter-optional"
	ParameterStyle    Kind = "parameter-style-changed"
	ParameterMedia    Kind = "parameter-media-type-changed"
	ParameterEmpty    Kind = "parameter-empty-value-changed"
	// ParameterSecret is a parameter for a secret in the address, where it gets
	// into logs.
	ParameterSecret Kind = "secret-in-query-added"

	BodyRemoved     Kind = "body-removed"
	BodyAdded       Kind = "body-added"
	BodyRequired    Kind = "body-required"
	BodyOptional    Kind = "body-optional"
	ResponseRemoved Kind = "response-removed"
	ResponseAdded   Kind = "response-added"
	HeaderRemoved   Kind = "response-header-removed"
	HeaderAdded     Kind = "response-header-added"
	HeaderRequired  Kind = "response-header-required"
	HeaderOptional  Kind = "response-header-optional"
	HeaderMedia     Kind = "response-header-media-type-changed"
	MediaRemoved    Kind = "media-type-removed"
	MediaAdded      Kind = "media-type-added"
)

// The kinds of changes of who may call, and where.
const (
	SecurityRemoved     Kind = "security-removed"
	SecurityAdded       Kind = "security-added"
	AlternativeRefused  Kind = "security-alternative-removed"
	AlternativeAdded    Kind = "security-alternative-added"
	AlternativeWeaker   Kind = "security-weaker-alternative-added"
	RequirementRemoved  Kind = "security-requirement-removed"
	RequirementAdded    Kind = "security-requirement-added"
	ScopesRemoved       Kind = "security-scopes-removed"
	ScopesAdded         Kind = "security-scopes-added"
	SchemeChanged       Kind = "security-scheme-changed"
	SchemeWeakened      Kind = "security-scheme-weakened"
	ServerRemoved       Kind = "server-removed"
	ServerAdded         Kind = "server-added"
	ServerUnencrypted   Kind = "server-unencrypted"
	NotCompared         Kind = "not-compared"
	SensitiveInResponse Kind = "sensitive-property-in-response"
)

// The kinds of changes of schemas.
const (
	SchemaAdded      Kind = "schema-added"
	SchemaRemoved    Kind = "schema-removed"
	TypeAdded        Kind = "type-added"
	TypeRemoved      Kind = "type-removed"
	TypeChanged      Kind = "type-changed"
	NullAllowed      Kind = "null-allowed"
	NullRefused      Kind = "null-refused"
	EnumChanged      Kind = "enum-changed"
	EnumAdded        Kind = "enum-added"
	EnumRemoved      Kind = "enum-removed"
	BoundAdded       Kind = "bound-added"
	BoundRemoved     Kind = "bound-removed"
	BoundChanged     Kind = "bound-changed"
	PatternAdded     Kind = "pattern-added"
	PatternRemoved   Kind = "pattern-removed"
	PatternChanged   Kind = "pattern-changed"
	FormatAdded      Kind = "format-added"
	FormatRemoved    Kind = "format-removed"
	FormatChanged    Kind = "format-changed"
	UniqueChanged    Kind = "unique-items-changed"
	PropertyAdded    Kind = "property-added"
	PropertyRemoved  Kind = "property-removed"
	PropertyRequired Kind = "property-required"
	PropertyOptional Kind = "property-optional"
	PropertyReadOnly Kind = "property-read-only"
	PropertyWritable Kind = "property-writable"
	PropertiesClosed Kind = "additional-properties-refused"
	PropertiesOpened Kind = "additional-properties-allowed"
	VariantAdded     Kind = "alternative-added"
	VariantRemoved   Kind = "alternative-removed"
	ConditionAdded   Kind = "condition-added"
	ConditionRemoved Kind = "condition-removed"
	ConditionChanged Kind = "condition-changed"
)
