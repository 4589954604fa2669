# The functions that the Rego of validation profiles calls. Each takes its
# arguments as documents: "nested_nodes[list] with data.nodes as node[property]".

# find is the node that data.link leads to.
find = found {
  found := farrier.node(data.link["@id"])
}

# nodes_array is data.nodes as an array, which one value alone is not.
nodes_array = list {
  is_array(data.nodes)
  list := data.nodes
}

nodes_array = list {
  not is_array(data.nodes)
  list := [data.nodes]
}

# nested holds each node that data.nodes link to.
nested[target] {
  links := nodes_array
  target := farrier.node(links[_]["@id"])
}

# nested_nodes holds one array of all nodes that data.nodes link to.
nested_nodes[targets] {
  links := nodes_array
  targets := [target | some i; target := farrier.node(links[i]["@id"])]
}

# nested_values holds one set of the values of data.property in data.nodes.
nested_values[found] {
  found := {v | some i; v := data.nodes[i][data.property]}
}

# search_subjects holds each node that has data.object as value of data.predicate.
search_subjects[subject] {
  subject := farrier.subjects(data.predicate, data.object["@id"])[_]
}

# search_custom_property_subjects holds each node that data.object, an annotation
# of the name data.property_extension, stands at.
search_custom_property_subjects[subject] {
  data.object["http://a.ml/vocabularies/core#extensionName"] == data.property_extension
  id := data.object["@id"]
  subject := farrier.subjects(concat("", [id, "/annotation"]), id)[_]
}

# collect holds each node that data.property of data.nodes leads to.
collect[target] {
  links := farrier_list(object.get(data.nodes[_], data.property, []))
  target := farrier.node(links[_]["@id"])
}

# collect_values holds each value of data.property of data.nodes.
collect_values[found] {
  found := farrier_list(object.get(data.nodes[_], data.property, []))[_]
}

# target_class holds each node of the class data.class.
target_class[member] {
  member := farrier.of_class(data.class)[_]
}

# gen_path_extension holds one array of the annotations of a node that have a
# name; data.custom_property_data is [node, name].
gen_path_extension[annotations] {
  source := data.custom_property_data[0]
  links := farrier_list(object.get(source, "http://a.ml/vocabularies/document#customDomainProperties", []))
  annotations := [annotation |
    some i
    annotation := farrier.node(source[links[i]["@id"]]["@id"])
    annotation["http://a.ml/vocabularies/core#extensionName"] == data.custom_property_data[1]
  ]
}

# split_values holds the array of the parts of data.nodes between commas.
split_values[parts] {
  parts := split(data.nodes, ",")
}

# values_contains says whether a text is one of the parts between commas.
values_contains(chain, wanted) {
  split(chain, ",")[_] == wanted
}

# as_string is a value as text.
as_string(v) = v { is_string(v) }
as_string(v) = "true" { v == true }
as_string(v) = "false" { v == false }
as_string(v) = format_int(v, 10) { is_number(v) }
as_string(v) = v["@id"] { is_object(v); v["@id"] }
as_string(v) = json.marshal(v) { is_object(v); not v["@id"] }

# check_datatype says whether a value is of a datatype.
check_datatype(v, "http://www.w3.org/2001/XMLSchema#string") { is_string(v) }
check_datatype(v, "http://www.w3.org/2001/XMLSchema#boolean") { is_boolean(v) }
check_datatype(v, "http://www.w3.org/2001/XMLSchema#integer") { is_number(v) }
check_datatype(v, "http://www.w3.org/2001/XMLSchema#float") { is_number(v) }
check_datatype(v, datatype) { is_object(v); v["@type"] == datatype }

farrier_list(v) = v { is_array(v) }
farrier_list(v) = [v] { not is_array(v) }
