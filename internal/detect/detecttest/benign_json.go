package detecttest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
)

// jsonRequest posts what document writes.
func jsonRequest(to string, document func(r *rand.Rand) rawJSON) func(r *rand.Rand) request {
	return func(r *rand.Rand) request {
		body := string(document(r))
		if r.IntN(2) == 0 {
			body = spaced(body)
		}
		return request{
			method: pick(r, []string{"POST", "POST", "PUT"}), target: pick(r, prefixes) + "/" + to,
			contentType: pick(r, []string{"application/json", "application/json", "application/json; charset=utf-8", "application/vnd.example.v3+json"}), body: []byte(body),
		}
	}
}

// several calls f up to n times.
func several(r *rand.Rand, n int, f func(r *rand.Rand) rawJSON) rawJSON {
	var all []rawJSON
	for range 1 + r.IntN(n) {
		all = append(all, f(r))
	}
	return arr(all...)
}

func amount(r *rand.Rand) float64 { return float64(r.IntN(300000)) / 100 }

func addressDocument(r *rand.Rand) rawJSON {
	return obj("street", say(r, "street"), "city", say(r, "city"), "zip", fmt.Sprint(10000+r.IntN(89999)), "country", say(r, "country"), "geo", obj("lat", r.Float64()*90, "lon", r.Float64()*180))
}

func orderDocument(r *rand.Rand) rawJSON {
	return obj("id", say(r, "uuid"), "created", say(r, "stamp"), "currency", pick(r, []string{"EUR", "USD", "JPY", "GBP"}), "total", amount(r),
		"customer", obj("name", say(r, "person"), "email", say(r, "mail"), "vip", r.IntN(2) == 0),
		"shipTo", addressDocument(r), "items", several(r, 5, func(r *rand.Rand) rawJSON {
			return obj("sku", fmt.Sprintf("%c-%d", 'A'+rune(r.IntN(26)), r.IntN(9999)), "title", say(r, "product"), "qty", 1+r.IntN(20), "price", amount(r), "gift", nil)
		}), "note", say(r, pick(r, languages)))
}

func customerDocument(r *rand.Rand) rawJSON {
	return obj("firstName", say(r, "given"), "lastName", say(r, "family"), "displayName", say(r, "person"), "company", say(r, "firm"), "email", say(r, "mail"), "phone", say(r, "phone"),
		"iban", say(r, "iban"), "birthDate", say(r, "date"), "addresses", several(r, 3, addressDocument), "licencePlate", say(r, "plate"), "remarks", say(r, pick(r, languages)))
}

func ticketDocument(r *rand.Rand) rawJSON {
	return obj("subject", say(r, pick(r, []string{"search", "errortext", "en", "de", "product"})), "description", say(r, "ticket"), "reporter", say(r, "person"),
		"priority", pick(r, []string{"low", "normal", "urgent!"}), "labels", arr(say(r, "noun"), say(r, "trade")), "log", say(r, pick(r, []string{"trace", "errortext", "shell"})), "version", say(r, "version"))
}

func messageDocument(r *rand.Rand) rawJSON {
	return obj("channel", say(r, "noun"), "from", say(r, "person"), "text", sentences(r, 30+r.IntN(600)), "sentAt", say(r, "stamp"), "reactions", obj("👍🏽", r.IntN(9), "❤️", r.IntN(5)), "replyTo", nil)
}

func productDocument(r *rand.Rand) rawJSON {
	return obj("name", say(r, "product"), "brand", say(r, "firm"), "price", amount(r), "description", say(r, "en"), "colour", say(r, "colour"), "specs", obj("size", say(r, "size"), "formula", say(r, "science"), "weight", fmt.Sprintf("%d g", r.IntN(9000))),
		"images", arr(say(r, "url")), "tags", arr(say(r, "noun"), say(r, "adj"), say(r, "music")), "ean", fmt.Sprint(4000000000000+r.Int64N(99999999999)))
}

func settingsDocument(r *rand.Rand) rawJSON {
	return obj("schedule", say(r, "cron"), "timezone", say(r, "timezone"), "pattern", say(r, "regex"), "theme", obj("primary", say(r, "colour"), "accent", say(r, "colour")),
		"template", say(r, "template"), "range", say(r, "version"), "webhook", say(r, "url"), "exportTo", say(r, "file"), "formula", "="+say(r, "excel"), "retries", r.IntN(9), "enabled", true)
}

func mailDocument(r *rand.Rand) rawJSON {
	return obj("to", arr(say(r, "mail"), say(r, "mail")), "from", say(r, "person")+" <"+say(r, "mail")+">", "subject", "Re: "+say(r, "search"), "text", say(r, "email"), "attachments", arr(say(r, "file")))
}

func pageDocument(r *rand.Rand) rawJSON {
	return obj("title", say(r, "music"), "body", say(r, pick(r, []string{"markdown", "html"})), "summary", say(r, pick(r, languages)), "author", say(r, "person"), "link", say(r, "url"))
}

func recordDocument(r *rand.Rand) rawJSON {
	return obj("recordId", say(r, "uuid"), "patient", obj("name", say(r, "person"), "born", say(r, "date")), "note", say(r, pick(r, []string{"medical", "legal"})), "signedBy", say(r, "person"), "codes", arr("ICD-10:I10", "LOINC 8480-6"), "at", say(r, "stamp"))
}

// fieldsDocument has texts of any kind.
func fieldsDocument(r *rand.Rand) rawJSON {
	var pairs []any
	for range 3 + r.IntN(8) {
		pairs = append(pairs, say(r, "prop")+fmt.Sprint(r.IntN(90)), field(r))
	}
	return obj(pairs...)
}

func eventRequest(r *rand.Rand) request {
	q := jsonRequest("events", func(r *rand.Rand) rawJSON {
		return obj("specversion", "1.0", "type", "com.example."+say(r, "prop")+".created", "source", "/"+pick(r, collections), "id", say(r, "uuid"), "time", say(r, "stamp"), "data", orderDocument(r))
	})(r)
	q.header = []string{"X-Hub-Signature-256: sha256=" + say(r, "hex") + say(r, "hex"), "X-Event: push"}
	q.contentType = "application/cloudevents+json"
	return q
}

func telemetryDocument(r *rand.Rand) rawJSON {
	return obj("device", fmt.Sprintf("sensor-%d", r.IntN(9999)), "fw", say(r, "version"), "readings", several(r, 30, func(r *rand.Rand) rawJSON {
		return obj("t", 1763000000+r.IntN(99999), "v", r.Float64()*100, "unit", pick(r, []string{"°C", "%", "hPa", "µg/m³", "m/s²", "kΩ"}))
	}))
}

func jsonAPIRequest(r *rand.Rand) request {
	q := jsonRequest("articles", func(r *rand.Rand) rawJSON {
		return obj("data", obj("type", "articles", "id", say(r, "uuid"), "attributes", obj("title", say(r, "music"), "body", sentences(r, 200)),
			"relationships", obj("author", obj("data", obj("type", "people", "id", r.IntN(99))))), "links", obj("self", say(r, "url")))
	})(r)
	q.contentType = "application/vnd.api+json"
	return q
}

func patchRequest(r *rand.Rand) request {
	return request{method: "PATCH", target: resource(r), contentType: "application/json-patch+json", body: []byte(several(r, 4, func(r *rand.Rand) rawJSON {
		return obj("op", pick(r, []string{"replace", "add", "test"}), "path", "/"+say(r, "prop")+"/"+pick(r, []string{"-", "0", "name~1label"}), "value", field(r))
	}))}
}

func queryDocument(r *rand.Rand) rawJSON {
	return obj("query", obj("bool", obj("must", arr(obj("match", obj("title", say(r, "search")))), "filter", arr(obj("range", obj("date", obj("gte", say(r, "date"), "lt", "now-1d/d")))), "must_not", arr(obj("term", obj("status", "deleted"))))),
		"size", r.IntN(100), "sort", arr(obj("price", "asc")), "aggs", obj("by_"+say(r, "prop"), obj("terms", obj("field", say(r, "prop")))))
}

func rpcDocument(r *rand.Rand) rawJSON {
	return obj("jsonrpc", "2.0", "id", r.IntN(1<<20), "method", pick(r, []string{"orders.find", "customer.update", "subtract", "files/list"}), "params", arr[any](field(r), r.IntN(99), obj("lang", say(r, "lang"))))
}

func loginDocument(r *rand.Rand) rawJSON {
	return obj("username", say(r, "mail"), "password", say(r, "password"), "device", obj("name", say(r, "given")+"'s phone", "ua", say(r, "useragent")), "otp", fmt.Sprintf("%06d", r.IntN(1000000)))
}

func fileDocument(r *rand.Rand) rawJSON {
	name, kind, content := someFile(r)
	data := base64.StdEncoding.EncodeToString(content)
	if r.IntN(2) == 0 {
		data = "data:" + kind + ";base64," + data
	}
	return obj("fileName", name, "mimeType", kind, "content", data, "description", say(r, pick(r, languages)), "sha256", say(r, "hex")+say(r, "hex"))
}
