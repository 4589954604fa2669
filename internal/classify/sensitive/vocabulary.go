package sensitive

import "strings"

// vocabulary is what is known of words and of several in a row, by their letters
// without separators, links and accents.
type vocabulary map[string]*entry

// Saying is one line of the published vocabulary: words of names and what they
// add to the score of a class, in the name itself and in what lies around. Words
// around count only where the name points to the class, too.
type Saying struct {
	Class       Class
	Own, Around float64
	Words       []string
}

// Sayings gives the published vocabulary.
func Sayings() []Saying {
	var out []Saying
	for _, s := range sayings() {
		for i := range classes {
			if s.of&(1<<i) != 0 {
				out = append(out, Saying{classes[i].class, float64(s.own) / 100, float64(s.around) / 100, list(s.words)})
			}
		}
	}
	return out
}

func list(words string) []string {
	var out []string
	for w := range strings.SplitSeq(words, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// learn builds the vocabulary. The single words of several in a row are in it,
// too, so that names without separators can be taken apart.
func learn() vocabulary {
	v := vocabulary{}
	for _, r := range roles() {
		for _, w := range list(r.words) {
			v.enter(w).role |= r.role
		}
	}
	for _, s := range sayings() {
		for i := range classCount {
			if s.of&(1<<i) == 0 {
				continue
			}
			for _, w := range list(s.words) {
				e := v.enter(w)
				e.effects = append(e.effects, effect{i, s.own, s.around})
			}
		}
	}
	return v
}

// enter gives the entry of a phrase, which it makes when there is none, and makes
// entries for its words. What each of them joins is counted without links.
func (v vocabulary) enter(phrase string) *entry {
	entryOf := func(key string) *entry {
		if v[key] == nil {
			v[key] = &entry{}
		}
		return v[key]
	}
	var t text
	for w := range strings.FieldsSeq(phrase) {
		var one text
		one.split(w)
		for i := range one.n {
			if e := entryOf(string(one.word(i))); e.role&linking == 0 || !strings.Contains(phrase, " ") {
				t.add(one.word(i))
			}
		}
	}
	first := entryOf(string(t.word(0)))
	first.joins = max(first.joins, t.n)
	return entryOf(string(t.join(0, t.n)))
}

// set is several classes.
type set uint32

func of(is ...index) set {
	var s set
	for _, i := range is {
		s |= 1 << i
	}
	return s
}

type saying struct {
	of          set
	own, around int16
	words       string
}

// roles are the words that say nothing of a class, but something of a name.
//
//nolint:misspell // words of many languages
func roles() []struct {
	role  role
	words string
} {
	return []struct {
		role  role
		words string
	}{
		{linking, "of, de, do, da, du, des, di, del, della, la, le, les, the, der, und, y, et, on, d, l, van"},
		{generic | qualifying, `number, numbers, no, nr, num, numero, nummer, numer, nro, value, values, val, wert, valeur, valor, valore, waarde, code, codes, codigo, codice, cod, data, input, text, string, content,
			field, raw, full, complete, completo, formatted, display, id, ids, identifier, key, x, my, main, primary, item, entry, element, user input, clear, plain`},
		{qualifying, `home, work, private, business, personal, office, daytime, evening, emergency, secondary, alternate, alternative, other, new, old, current, confirm, confirmation, repeat, previous, default, preferred,
			billing, shipping, delivery, local, international, national, contact, line, direct, field, param, in, to, from, by, for, complemento, principal, privat, geschaeftlich, pro, perso`},
		{about, `type, types, kind, typ, tipo, art, soort, status, state, verified, validated, confirmed, is, enabled, disabled, required, optional, count, counts, length, len, format, formats, label, labels, title, titles,
			hint, help, tooltip, placeholder, description, desc, policy, policies, rule, rules, strength, template, templates, subject, model, models, brand, scheme, url, uri, href, link, links, image, icon, logo, color, colour, size,
			settings, config, configuration, preference, preferences, options, option, flag, expiry, expires, expiration, expired, ttl, timeout, at, date, time, created, updated, changed, modified, since, until, order, index,
			position, sort, by field, regex, pattern, mask, masked, validation, error, errors, message, reason, result, score, rate, limit, limits, max, min, age, group, range, bucket, stats, statistics, total, sum, amount, fee,
			issuer, issuing, provider, carrier, region, language, locale, version, hash, checksum, last four, last 4, last eight, last 8, suffix, prefix, method, mode, source, origin, opt in, opt out, consent, subscribed, notifications, notification, allowed,
			attempts, attempt, used, usage, name server, book, list count, month, year, day, endpoint, domain, algorithm, alg, realm, in days, quality, accuracy, place, country of birth, city of birth`},
		{asking, "has, is, was, can, should, must, need, needs, requires, max, min, num, total, count, nb, allow, enable, disable, show, hide, use, uses, verify, validate, forgot, reset sent, last, next"},
		{person, `person, people, customer, customers, client, clients, cliente, clientes, kunde, kunden, klant, klanten, contact, contacts, kontakt, contato, contacto, contatto, user, users, usuario, utilisateur, utente, benutzer, gebruiker,
			member, members, membre, mitglied, subscriber, subscribers, subject, patient, patients, paciente, paziente, insured, insured person, employee, employees, employe, empleado, dipendente, funcionario, mitarbeiter, werknemer, medewerker, staff,
			candidate, candidates, applicant, applicants, applicant person, antragsteller, citizen, citizens, resident, residents, taxpayer, taxpayers, spouse, partner person, guardian, mother, father, relative, next of kin,
			emergency contact, passenger, passengers, guest, guests, traveller, travellers, traveler, travelers, driver, drivers, chauffeur, fahrer, sender, absender, recipient, recipients, empfaenger, destinataire, destinatario, receiver, consignee, shipper, addressee,
			buyer, payer, payee, debtor, creditor, beneficiary, beneficiaries, borrower, borrowers, holder, account holder, cardholder, policyholder, owner, owners, tenant person, student, students, teacher, teachers, doctor, doctors, physician, nurse, practitioner, practitioners, lead, leads,
			caller, callee, attendee, attendees, participant, participants, author, authors, assignee, manager, signatory, signer, subject person, beneficiario, titular, persona, personne, shipping address, billing address, delivery address, home address, postal address, mailing address, adresse, anschrift, address, card, credit card, debtor account, creditor account, player, resident person, voter, claimant, victim, witness, dependent, dependents, donor`},
		{thing, `product, products, produkt, produit, producto, prodotto, produto, item, items, line items, artikel, article, order, orders, file, files, datei, fichier, archivo, arquivo, archive, folder, document, documents, attachment, company, companies, firma, firmen, entreprise, empresa, azienda,
			bedrijf, organization, organisation, org, business name, employer, vendor, supplier, brand, manufacturer, category, categories, department, team, teams, channel, channels, template, event, events, plan, plans, project, projects, role, roles, group, groups, device, devices, sensor, sensors, service, services,
			application, app, host, server, domain, database, table, column, field, schema, class, package, module, plugin, theme, city, country, region, street, bank, banque, banco, banca, hotel, hospital, clinic, facility, airport, airline, school, university, shop, store, warehouse, location, building, room, ward,
			campaign, tag, tags, label, policy, rule, job, task, queue, topic, bucket, cluster, node, namespace, environment, variable, metric, tenant, account, permit, vehicle, vehicles, ship, game, song, album, book, books, movie, course, recipe, menu, dish, permission, scope, feature, type, status, state, language, currency,
			color, colour, icon, image, model, version, display field, agent string, browser, os, api, apis, endpoint, key, realm, provider, carrier, network, shipping method, method, variant, cart, equipe, grupo, gruppo, gruppen, rollen, groep, nom equipe, station, stop, route, line, variante`},
		{wrapping, "data, result, results, response, body, payload, content, records, record, rows, row, list, values, attributes, properties, embedded, entity, entities, object, objects, element, elements, node, nodes, edges, edge, details, detail, info, information, collection, page, hits, hit, source, resource, entry, request, params, query, search, v, api, onboarding, update, create, new, me, current"},
		{naming, "name, names, nom, nombre, nome, naam, namen, navn, namn, nimi, imie, nazwa"},
	}
}
