package taint

import "slices"

// transferCase is a theme of scripts and the kind that they are about.
type transferCase struct {
	name    string
	kind    Kind
	scripts string
}

var transferCases = slices.Concat(baseCases, usageCases)

// baseCases are scripts, one a line: those with + give something that holds data
// of the client which may do harm in the kind, those with - don't.
var baseCases = []transferCase{
	{"select", SQL, `
+ payload
+ payload.name
+ payload.'first name'
+ payload["name"]
+ payload.a.b.c.d.e.f
+ payload.items[0].name
+ payload.items[0 to 2]
+ payload.*name
+ payload..name
+ payload.@id
+ payload.a.@
+ payload[?($.x == 1)]
+ payload.a!
+ payload.&name
+ payload.^raw
+ attributes.queryParams.name
+ attributes.headers.'x-a'
+ vars.id
+ vars.o.bad
+ vars.o
+ vars[payload.k]
+ vars.o..bad
+ payload."$(vars.fixed)"
- vars.fixed
- vars.o.good
- vars.o.none
- {a: 1, b: {good: 1}}..good
- vars.n
- vars.missing
- payload.name?
- payload.^mimeType
- vars["fixed"]
- vars.list[0]
- {a: payload, b: 1}.b
- [payload, 1][1]
- [payload, 1][-1]
- correlationId
- {a: payload}.c
- server.dateTime
- mule.home ++ "/conf"
- app.name
`},
	{"texts", SQL, `
+ "SELECT " ++ payload.name
+ "a" ++ "b" ++ payload.name ++ "c"
+ "SELECT $(payload.name)"
+ "SELECT $payload"
+ 'x $(payload.a default "") y'
+ upper(payload.name)
+ payload.name[0 to 3]
+ lower(payload.name) ++ ""
+ trim(payload.name)
+ [payload.a, "b"] joinBy ","
+ payload.ids joinBy ","
+ payload.name splitBy ","
+ (payload.name splitBy ",")[0]
+ "x ID" replace "ID" with payload.id
+ payload.name replace /a/ with "b"
+ payload.name replace "a" with "b"
+ "a" replace /a/ with payload.b
+ "a" replace /a/ with ($[0] ++ payload.b)
+ payload.name match /(.*)@(.*)/
+ payload.name scan /.+/
+ payload.x as String
+ payload.x as String {format: "0"}
+ write(payload, "application/json")
+ read(payload, "application/json").id
+ dw::core::Strings::capitalize(payload.a)
+ "abc" ++ (payload.a as String)
- "SELECT " ++ vars.fixed
- "SELECT $(vars.fixed)"
- "a" ++ (if (payload.x == 1) "b" else "c")
- "a" ++ (sizeOf(payload) as String)
- ["a", "b"] joinBy ","
- ["a", payload.b][0] ++ "x"
- "n " ++ (payload.id as Number)
- "d " ++ (payload.d as Date {format: "yyyy"})
- "SELECT $(payload.id as Number)"
- vars.list joinBy ","
- upper(vars.fixed)
- p('db.table') ++ " WHERE"
- Mule::p('db.table')
- "a" replace "a" with vars.fixed
- "x" ++ uuid() ++ now()
- payload.name replace /'/ with "''"
- payload.name replace "'" with "''"
- payload.name replace /[^a-zA-Z0-9]/ with ""
- payload.name replace /[^\w]+/ with ""
- write({a: 1}, "application/json")
- typeOf(payload) as String
- "a" ++ (payload.x is String)
- payload.name match /([a-z]+)@([0-9]+)/
- payload.name scan /[0-9]+/
- "p" ++ (payload.a - payload.b)
- "b" ++ (payload.a > 3)
- payload.a as Boolean
`},
	{"objects and arrays", SQL, `
+ {a: payload.name}
+ {a: {b: payload.name}}.a.b
+ {(payload.k): "v"}
+ {("a"): payload.v}.a
+ {(payload)}
+ {(vars.o)}.bad
+ {(payload), a: 1}.a
+ {a: 1, (b: payload.b) if (vars.n > 1)}.b
+ ({a: 1} ++ payload).b
+ ({a: payload.x} ++ {b: 1}).a
+ [1, payload.a]
+ [1, (payload.a) if (vars.n > 1)]
+ ([1] + payload.a)[1]
+ ([1] ++ payload.list)
+ (payload.a >> [1])
+ [1] << payload.a
+ {a: 1} ++ {b: payload.b}
+ (payload - "password").name
+ {a @(id: payload.id): 1}.a.@id
+ entriesOf(payload).value
+ keysOf(payload)
+ valuesOf({a: payload.a})
+ payload -- ["a"]
+ payload.a default "x"
+ vars.missing default payload.a default vars.fixed
- {a: payload.name}.b
- {a: payload.name, b: "c"}.b
- {a: {b: payload.name, c: 1}}.a.c
- {(vars.o)}.good
- {a: 1, (payload.x): 2}.a
- {a: payload.a, (b: vars.fixed) if (payload.x)}.b
- ({a: payload.x} ++ {b: 1}).b
- [payload.a, "k"][1]
- ([1] + payload.a)[0]
- sizeOf(payload)
- isEmpty(payload.a)
- {a @(id: 1): payload.x}.a.@id
- keysOf({a: payload.a})
- namesOf({a: payload.a}) joinBy ","
- valuesOf({a: 1}) 
- (vars.o - "bad").bad
- "x" default payload.a
- vars.list contains payload.x
- {a: payload.a - 1}
- {a: payload.n as Number}
- payload.a and payload.b
- not payload.a
- (1 to payload.n as Number)
- max([1, 2])
- {x: if (payload.a == "1") "p" else "q"}
`},
	{"functions over lists", SQL, `
+ payload.items map $.name
+ payload.items map (item, i) -> item.name ++ i
+ payload.items map ((item) -> {n: item.name})
+ ["a", "b"] map ($ ++ payload.x)
+ payload.items filter ($.x == 1)
+ payload.items reduce ((item, acc = "") -> acc ++ item.name)
+ payload.items reduce ($$ ++ $.name)
+ ["a", "b"] reduce ((x, acc = payload.start) -> acc ++ x)
+ payload mapObject ((v, k, i) -> {(k): v})
+ payload mapObject {($$): "x"}
+ payload pluck $$
+ payload pluck ((v, k) -> k ++ "='" ++ v ++ "'") joinBy " and "
+ payload.items groupBy $.type
+ (payload.items groupBy $.type) pluck $$
+ payload.items orderBy $.name
+ payload.items distinctBy $.id
+ payload.items flatMap $.names
+ flatten(payload.items)
+ zip(payload.a, payload.b)
+ payload.items map ((x) -> (x.a as String) ++ "x") joinBy ","
+ ({a: payload.a} pluck $)[0]
+ {a: payload.a, b: 1} filterObject ($ != null)
+ payload.items maxBy $.x
+ payload.x then ((v) -> v ++ "a")
+ [[payload.a], ["b"]] map $[0]
+ (payload.items filter ($.a != null)).name
- payload.items map $$
- payload.items map (item, i) -> i
- payload.items map {n: 1}
- payload.items map (sizeOf($))
- payload.items map ($.id as Number)
- payload.items map ((x) -> x.id as Number) joinBy ","
- ["a", "b"] map ($ ++ "x")
- ["a"] filter ($ == payload.x)
- [1, 2] reduce ((x, acc = 0) -> acc + x)
- payload.items reduce ((x, acc = 0) -> acc + 1)
- {a: 1} mapObject ((v, k) -> {(k): v})
- {a: payload.a} pluck $$
- {a: payload.a} mapObject ((v, k) -> {(k): 1})
- payload.items filter ($ matches /[0-9]+/)
- payload.items filter (["a", "b"] contains $)
- sum(payload.items.price)
- payload.items map (if ($.x == "1") "one" else "two")
- import countBy from dw::core::Arrays⏎---⏎payload.items countBy ($.x == 1)
- payload.items map uuid()
- [[payload.a, "b"]] map $[1]
- payload.items map ((x) -> {id: x.id as Number}) map $.name
- payload.x then ((v) -> 1)
- (payload.items map {a: $.a, b: "k"}).b
- vars.list map ((x) -> "a" ++ x) joinBy ","
- payload.items map ((x) -> "?") joinBy ","
`},
	{"declarations", SQL, `
+ var q = "a" ++ payload.x⏎---⏎q
+ fun f(x) = "a" ++ x⏎---⏎f(payload.x)
+ var f = (x) -> "a" ++ x⏎---⏎f(payload.x)
+ fun f(x, y = payload.z) = y⏎---⏎f(1)
+ fun f(x) = g(x)⏎fun g(x) = x⏎---⏎f(payload.a)
+ fun f(x) = x⏎fun f(x, y) = y⏎---⏎f(1, payload.a)
+ fun f() = payload.a⏎---⏎f()
+ fun f(g) = g(payload.a)⏎---⏎f((x) -> x)
+ fun f(x) = if (x == null) "" else f(x.next) ++ x.name⏎---⏎f(payload)
+ do { var a = payload.x --- a ++ "b" }
+ import * from modules::queries⏎---⏎byName(payload.name)
+ import byName from modules::queries⏎---⏎byName(payload.name)
+ import byName as b from modules::queries⏎---⏎b(payload.name)
+ import modules::queries⏎---⏎queries::byName(payload.name)
+ import modules::queries as q⏎---⏎q::byName(payload.name)
+ modules::queries::byName(payload.name)
+ import loop from modules::queries⏎---⏎loop(payload)
+ import p from modules::quote⏎---⏎"x" ++ p(payload.a)
+ import unknown from modules::nowhere⏎---⏎unknown(payload.a)
+ import upper as u from dw::Core⏎---⏎u(payload.a)
+ payload.items map ((x) -> f(x))⏎
+ using (a = payload.x) a ++ "b"
+ var a = payload⏎var b = a.name⏎---⏎b
+ fun f(x: String) = x⏎---⏎f(payload.a)
- var q = "a" ++ payload.x⏎---⏎"b"
- var q = "a"⏎---⏎q
- fun f(x) = "a"⏎---⏎f(payload.x)
- fun f(x, y) = y⏎---⏎f(payload.x, "b")
- fun f(x) = x⏎fun f(x, y) = y⏎---⏎f(payload.a, 1)
- fun f(x: Number) = x⏎---⏎f(payload.a)
- fun f(x) = x as Number⏎---⏎f(payload.a)
- var x = payload.a⏎fun f(x) = x⏎---⏎f("b")
- do { var a = payload.x --- "b" }
- do { var payload = "k" --- payload }
- import * from modules::queries⏎---⏎safe(payload.name)
- import safe from modules::queries⏎---⏎safe(payload.name)
- import modules::queries⏎---⏎queries::quoted(payload.name)
- import table from modules::queries⏎---⏎table
- import * from modules::queries⏎---⏎byName("x")
- import * from modules::quote⏎---⏎q(payload.name)
- import isBlank from dw::Core⏎---⏎isBlank(payload.a)
- using (a = payload.x) "b"
- var o = {a: payload.a, b: "c"}⏎---⏎o.b
- fun f(g) = g("c")⏎---⏎f((x) -> x)
- fun f(x) = if (x == 0) 0 else f(x - 1)⏎---⏎f(payload.n)
- var e = (x) -> x as Number⏎---⏎payload.items map e($)
- fun pick(c) = if (c == "a") "one" else "two"⏎---⏎pick(payload.a)
`},
}
