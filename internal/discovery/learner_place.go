package discovery

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery/template"
)

// hostsOfAPI bounds the hosts that are told apart of one API instance: behind a wild
// card, clients choose them.
const hostsOfAPI = 20

// maxNodes bounds the segments of all paths together.
const maxNodes = 250_000

// entriesOfPath bounds the names and versions of one path.
const entriesOfPath = 500

// spot is what lies at the end of a path: its operations.
type spot struct {
	entries []*entry
	index   map[spotKey]*entry
}

type spotKey struct{ method, version, name string }

func (k *Key) spot() spotKey { return spotKey{k.Method, k.Version, k.Name} }

func (s *spot) find(k spotKey) *entry {
	if s.index != nil {
		return s.index[k]
	}
	for _, e := range s.entries {
		if e.key.Method == k.method && e.key.Version == k.version && e.key.Name == k.name {
			return e
		}
	}
	return nil
}

func (s *spot) add(e *entry) {
	s.entries = append(s.entries, e)
	if s.index != nil {
		s.index[e.key.spot()] = e
		return
	}
	if len(s.entries) > 12 {
		s.index = make(map[spotKey]*entry, len(s.entries))
		for _, e := range s.entries {
			s.index[e.key.spot()] = e
		}
	}
}

func (s *spot) remove(e *entry) {
	s.entries = slices.DeleteFunc(s.entries, func(o *entry) bool { return o == e })
	if s.index != nil {
		delete(s.index, e.key.spot())
	}
}

func spotOf(n *template.Node) *spot {
	if n == nil || n.Owner == nil {
		return nil
	}
	s, _ := n.Owner.(*spot)
	return s
}

// find gives the operation at a node.
func find(n *template.Node, method, version, name string) *entry {
	if s := spotOf(n); s != nil {
		return s.find(spotKey{method, version, name})
	}
	return nil
}

// hostOf gives the host of a call; a new one only for a good call.
func (l *Learner) hostOf(c *call) *host {
	name := l.hostName(c.Host)
	if h := l.hosts[name]; h != nil {
		return h
	}
	if !c.good || c.source.bannedAt(c.at) {
		return nil
	}
	if c.API != "" && l.apis[c.API] >= hostsOfAPI {
		if h := l.hosts["*"]; h != nil {
			return h
		}
		name = "*"
	}
	if len(l.hosts) >= l.limits.Hosts && !l.dropHost() {
		l.overflow++
		l.reject(c, rejectHosts)
		return nil
	}
	return l.newHost(strings.Clone(name), strings.Clone(c.API))
}

func (l *Learner) newHost(name, api string) *host {
	h := &host{name: name, api: api}
	h.tree = template.NewTree(l.words, &l.nodes, l.moved)
	l.hosts[name] = h
	if api != "" {
		l.apis[api]++
	}
	for i := range l.described {
		l.pinDescribed(h, &l.described[i])
	}
	for i := range l.edits {
		l.pinEdit(h, &l.edits[i])
	}
	return h
}

// dropHost makes room: the host with nothing listed that was quiet longest goes.
func (l *Learner) dropHost() bool {
	var oldest *host
	for _, h := range l.hosts {
		if h.listed > 0 || h.name == "*" {
			continue
		}
		if oldest == nil || h.last.Before(oldest.last) || h.last.Equal(oldest.last) && h.name < oldest.name {
			oldest = h
		}
	}
	if oldest == nil {
		return false
	}
	var all []*entry
	oldest.tree.Each(func(n *template.Node) { all = append(all, spotOf(n).entries...) })
	for _, e := range all {
		l.unlink(e)
	}
	l.forgetHost(oldest)
	return true
}

func (l *Learner) forgetHost(h *host) {
	delete(l.hosts, h.name)
	h.tree.Drop()
	if h.api != "" {
		if l.apis[h.api]--; l.apis[h.api] <= 0 {
			delete(l.apis, h.api)
		}
	}
}

// add makes a candidate of a call, or gives the operation that it belongs to after
// siblings were merged; nil when there is no place for it.
func (l *Learner) add(c *call, where template.Call, name string) *entry {
	for range 40 {
		if l.waiting < l.limits.Candidates && l.nodes < maxNodes {
			break
		}
		if !l.sources.evict(l) {
			l.overflow++
			l.reject(c, rejectCandidates)
			return nil
		}
	}
	l.pinService(c)
	node := c.host.tree.Place(where)
	if e := find(node, c.method, c.version, name); e != nil {
		return e
	}
	s := spotOf(node)
	if s == nil {
		s = &spot{}
		node.Owner = s
	}
	if len(s.entries) >= entriesOfPath {
		l.overflow++
		l.reject(c, rejectNames)
		return nil
	}
	key := Key{
		Host: c.host.name, Method: strings.Clone(c.method), Path: node.Path(),
		Version: strings.Clone(c.version), Name: strings.Clone(name),
	}
	if old := l.entries[key]; old != nil {
		// Two nodes of one written path, as a learned and a described one: one operation.
		return old
	}
	e := &entry{key: key, host: c.host, node: node, names: node.Names(), op: &Operation{Key: key}}
	s.add(e)
	l.entries[key] = e
	l.waiting++
	c.host.waiting++
	l.sources.own(c.source, e)
	l.used(e)
	return e
}

// drop takes an operation out of memory and store.
func (l *Learner) drop(e *entry) {
	l.unlink(e)
	if s := spotOf(e.node); s != nil {
		s.remove(e)
		if len(s.entries) == 0 {
			e.host.tree.Remove(e.node)
		}
	}
}

// unlink takes an entry out of every list, and leaves its node alone.
func (l *Learner) unlink(e *entry) {
	if l.entries[e.key] == e {
		delete(l.entries, e.key)
	}
	if e.listed {
		l.listed--
		e.host.listed--
	} else {
		l.waiting--
		e.host.waiting--
	}
	l.sources.disown(e)
	l.weigh(e, -e.size)
	if e.hot != nil {
		l.hot.Remove(e.hot)
		e.hot = nil
	}
	if e.dirty != nil {
		l.dirty.Remove(e.dirty)
		e.dirty = nil
	}
	if e.taken {
		l.gone = append(l.gone, e.key)
	}
}

// moved brings the operations of one node to another, because siblings turned out to
// be values, or the path of the node became a different one.
func (l *Learner) moved(from, into *template.Node) {
	s := spotOf(from)
	if s == nil {
		return
	}
	if from != into {
		from.Owner = nil
	}
	target := spotOf(into)
	if target == nil {
		target = &spot{}
		into.Owner = target
	}
	for _, e := range slices.Clone(s.entries) {
		if from != into {
			if there := target.find(e.key.spot()); there != nil {
				l.join(there, e, into)
				continue
			}
			target.add(e)
		}
		l.rekey(e, into)
	}
}

// rekey gives an entry the key of its node.
func (l *Learner) rekey(e *entry, node *template.Node) {
	key := e.key
	key.Path = node.Path()
	e.node = node
	if key == e.key {
		return
	}
	if there := l.entries[key]; there != nil && there != e {
		if s := spotOf(node); s != nil {
			s.remove(e)
		}
		l.join(there, e, node)
		return
	}
	l.need(e)
	l.reshape(e.op, e.key.Path, node)
	delete(l.entries, e.key)
	if e.taken {
		l.gone = append(l.gone, e.key)
		e.taken = false
	}
	e.key, e.op.Key, e.names = key, key, node.Names()
	l.entries[key] = e
	l.used(e)
	l.touch(e)
}

// join adds one operation to another, and forgets it.
func (l *Learner) join(into, from *entry, node *template.Node) {
	l.need(from)
	l.need(into)
	l.reshape(from.op, from.key.Path, node)
	from.op.Key = into.key
	listed := from.listed
	l.unlink(from)
	into.op.Merge(from.op)
	into.others = into.others || from.others || from.source != into.source
	into.good = into.op.Good
	if listed && !into.listed {
		l.list(into, into.op.Listed, into.op.By)
	}
	l.used(into)
	l.touch(into)
	if !into.listed {
		l.consider(into, into.op.Last)
	}
}

// reshape brings the path parameters of an operation in line with another template:
// what was literal becomes a value, and names follow.
func (l *Learner) reshape(op *Operation, old string, node *template.Node) {
	names := node.Names()
	values := node.Values(old, nil)
	if len(values) != len(names) {
		return
	}
	kept := make([]*Parameter, 0, len(op.Parameters)+len(names))
	taken := make(map[*Parameter]bool)
	for i, name := range names {
		if was := op.parameter("path", strings.TrimSuffix(strings.TrimPrefix(values[i], "{"), "}")); was != nil && strings.HasPrefix(values[i], "{") && !taken[was] {
			taken[was] = true
			kept = append(kept, &Parameter{In: "path", Name: name, Values: was.Values, First: was.First, Last: was.Last})
			continue
		}
		p := &Parameter{In: "path", Name: name, First: op.First, Last: op.Last}
		if !strings.HasPrefix(values[i], "{") && op.Sampled > 0 {
			p.Values.Observe(l.looker, l.context(op.Path, name, "path"), unescape(values[i]))
			p.Values.Count += op.Sampled - 1
		}
		kept = append(kept, p)
	}
	for _, p := range op.Parameters {
		if p.In != "path" {
			kept = append(kept, p)
		}
	}
	op.Parameters = kept
	op.sortParameters()
}

// sorted gives entries in the order of their keys.
func (l *Learner) sorted(wanted func(*entry) bool) []*entry {
	var all []*entry
	for _, e := range l.entries {
		if wanted == nil || wanted(e) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *entry) int { return a.key.compare(b.key) })
	return all
}
