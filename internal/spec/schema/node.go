package schema

// node is a schema, compiled. Parts that say nothing are nil.
type node struct {
	// never is the schema false; open is one that every value satisfies.
	never, open bool

	types  types
	names  []string // the types as they are told
	values *values
	text   *textRules
	number *numberRules
	array  *arrayRules
	object *objectRules
	more   *applied
}

// values are what enum or const lists.
type values struct {
	// only tells const.
	only    bool
	null    bool
	truth   [2]bool // false and true
	texts   map[string]bool
	numbers []decimal
	// others are arrays and objects: their places in their document.
	others []int32
	in     *Document
}

type textRules struct {
	least, most int32 // characters; -1 for no limit
	patterns    []*Pattern
	format      *format
}

type numberRules struct {
	bounds []bound
	// steps are the numbers of which it must be a multiple.
	steps  []step
	format *format
}

// bound is one limit of a number.
type bound struct {
	at decimal
	// side is -1 for a minimum, 1 for a maximum.
	side      int
	exclusive bool
	text      string
}

type step struct {
	of   decimal
	text string
}

type arrayRules struct {
	least, most int32
	unique      bool
	prefix      []*node
	items       *node
	contains    *node
	// containsLeast and containsMost are how many items must match contains.
	containsLeast, containsMost int32
}

type objectRules struct {
	least, most int32
	properties  map[string]property
	required    []string
	patterns    []patternProperty
	// rest is additionalProperties.
	rest *node
	// names is propertyNames.
	names *node
	// shaped tells that properties are named, so that others are unexpected.
	shaped bool
}

// property is a member that properties or required name.
type property struct {
	schema   *node
	required bool
}

type patternProperty struct {
	pattern *Pattern
	schema  *node
}

// applied are the schemas that judge the same value.
type applied struct {
	reference                  *node
	all                        []*node
	any, one                   *alternatives
	not                        *node
	condition, then, otherwise *node
	needs                      []need
	restProperties, restItems  *node
}

// need is one member of dependentRequired or dependentSchemas.
type need struct {
	name   string
	names  []string
	schema *node
}

// alternatives are those of anyOf or oneOf.
type alternatives struct {
	list []*node
	// tag is the property by which a discriminator chooses, empty for none; tagged
	// are the alternatives by its value.
	tag    string
	tagged map[string]int
}
