package detect

import (
	"farrier.dev/farrier/internal/detect/decode"
	"farrier.dev/farrier/internal/finding"
)

// The rules of our own that need no rule engine.
var (
	ruleBudget  = rule{name: "farrier-budget", title: "More than can be inspected", severity: finding.High, points: 5, attack: &flood}
	ruleUnusual = rule{name: "farrier-unusual-value", title: "Value unlike those before", severity: finding.Info, attack: &unusual}
)

// factRules are what facts count that are worth a complaint. Asking for the
// schema is what developers' tools do, and what attackers do first: where it is
// wanted, an exclusion lets it through.
var factRules = map[decode.FactKind]*rule{
	decode.Introspection: {name: "farrier-graphql-introspection", title: "GraphQL schema is asked for", severity: finding.Medium, points: 5, attack: &schema},
}

// complaintRules are what complaints of the decoders count.
var complaintRules = map[decode.ComplaintKind]*rule{
	decode.MalformedJSON:       {name: "farrier-json-malformed", title: "Body is not the JSON it claims to be", severity: finding.High, points: 5, attack: &parser},
	decode.MalformedXML:        {name: "farrier-xml-malformed", title: "Body is not the XML it claims to be", severity: finding.High, points: 5, attack: &parser},
	decode.MalformedMultipart:  {name: "farrier-multipart-malformed", title: "Body is not the multipart message it claims to be", severity: finding.High, points: 5, attack: &parser},
	decode.MalformedGraphQL:    {name: "farrier-graphql-malformed", title: "Body is not the GraphQL it claims to be", severity: finding.Medium, points: 3, attack: &parser},
	decode.MalformedGRPC:       {name: "farrier-grpc-malformed", title: "Body is not the gRPC message it claims to be", severity: finding.High, points: 5, attack: &parser},
	decode.MalformedProtobuf:   {name: "farrier-protobuf-malformed", title: "Body is not the protocol buffer it claims to be", severity: finding.High, points: 5, attack: &parser},
	decode.Doctype:             {name: "farrier-xml-doctype", title: "XML with a document type", severity: finding.Critical, points: 5, attack: &entity},
	decode.TooDeep:             {name: "farrier-too-deep", title: "Document nests too deeply", severity: finding.High, points: 5, attack: &flood},
	decode.ContentTypeLies:     {name: "farrier-content-type", title: "Body of another format than its Content-Type says", severity: finding.Low, points: 2, attack: &parser},
	decode.ContentEncodingLies: {name: "farrier-content-encoding", title: "Body coded in another way than it says", severity: finding.High, points: 5, attack: &parser},
	decode.Bomb:                {name: "farrier-bomb", title: "Body that grows out of proportion when opened", severity: finding.High, points: 5, attack: &flood},
	decode.GraphQLDepth:        {name: "farrier-graphql-depth", title: "GraphQL nests too deeply", severity: finding.High, points: 5, attack: &flood},
	decode.GraphQLAliases:      {name: "farrier-graphql-aliases", title: "GraphQL with too many aliases", severity: finding.High, points: 5, attack: &flood},
	decode.GraphQLBatch:        {name: "farrier-graphql-batch", title: "Too many GraphQL documents at once", severity: finding.High, points: 5, attack: &flood},
	decode.GraphQLTokens:       {name: "farrier-graphql-size", title: "GraphQL document is too long", severity: finding.High, points: 5, attack: &flood},
}

// complaints are what the readers of the request complain of.
func (w *work) complaints() []match {
	if len(w.tree.Complaints)+len(w.tree.Facts) == 0 {
		return nil
	}
	matches := make([]match, 0, len(w.tree.Complaints))
	for _, f := range w.tree.Facts {
		if r := factRules[f.Kind]; r != nil {
			matches = append(matches, match{
				rule: r, points: r.points, places: []string{w.tree.Place(f.Node)}, decoders: w.tree.Decoders(f.Node), leaf: single, text: f.Detail,
			})
		}
	}
	for _, c := range w.tree.Complaints {
		r := complaintRules[c.Kind]
		matches = append(matches, match{
			rule: r, points: r.points, places: []string{w.tree.Place(c.Node)}, decoders: w.tree.Decoders(c.Node),
			leaf: single, text: c.Detail,
		})
	}
	return matches
}
