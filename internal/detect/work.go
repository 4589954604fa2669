package detect

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/detect/decode"
	"farrier.dev/farrier/internal/detect/seclang"
	"farrier.dev/farrier/internal/detect/seclang/automaton"
	"farrier.dev/farrier/internal/traffic"
)

// work is the memory of one judgement. It is used again.
type work struct {
	tree  decode.Tree
	input seclang.Input
	// leaves leads from a value of the input to the leaf that it is of, or to
	// one of the singles below 0.
	leaves []int32
	// sealed says of each node whether its text needs no judging.
	sealed []sealing
	meter  automaton.Meter
}

// single is what a value of the input is when it is no leaf.
const single int32 = -1

// pool keeps memory between judgements.
type pool struct{ p sync.Pool }

func (p *pool) get(budget int64) *work {
	w, ok := p.p.Get().(*work)
	if !ok {
		w = &work{}
	}
	w.meter = automaton.Meter{Left: budget}
	return w
}

// maxKept is the number of values beyond which memory is given back.
const maxKept = 4096

func (p *pool) put(w *work) {
	if cap(w.input.Values) > maxKept {
		return
	}
	w.tree.Reset()
	clear(w.input.Values)
	w.input.Values, w.leaves, w.sealed = w.input.Values[:0], w.leaves[:0], w.sealed[:0]
	p.p.Put(w)
}

func (w *work) add(in seclang.Collection, key, text string, leaf int32) {
	w.input.Values = append(w.input.Values, seclang.Value{In: in, Key: key, Text: text})
	w.leaves = append(w.leaves, leaf)
}

// feedRequest hands what was read to the rules.
func (w *work) feedRequest(q *traffic.Request) {
	w.feedHead(q)
	table := w.seal()
	for i := range w.tree.Leaves {
		w.feedLeaf(int32(i), &w.tree.Leaves[i]) //nolint:gosec // bounded by the tree
	}
	if w.tree.Body != "" && !table {
		w.add(seclang.RequestBody, "", w.tree.Body, single)
	}
	w.add(seclang.RequestBodyLength, "", strconv.Itoa(w.tree.Length), single)
	w.add(seclang.ReqbodyProcessor, "", w.tree.Processor, single)
}

func (w *work) feedHead(q *traffic.Request) {
	path := w.tree.Path
	w.add(seclang.RequestMethod, "", q.Method, single)
	w.add(seclang.RequestProtocol, "", q.Proto, single)
	w.add(seclang.RequestLine, "", q.Method+" "+path+" "+q.Proto, single)
	w.add(seclang.RequestURI, "", path, single)
	w.add(seclang.RequestURIRaw, "", path, single)
	w.add(seclang.RequestFilename, "", path, single)
	w.add(seclang.RequestBasename, "", path[strings.LastIndexByte(path, '/')+1:], single)
	w.add(seclang.QueryString, "", w.tree.Query, single)
	// Headers are no leaves when the values before them were too many.
	if (!q.Header.Has("host") || w.tree.Exhausted != "") && q.Host != "" {
		w.add(seclang.RequestHeaders, "host", q.Host, single)
	}
	if q.Client.IsValid() {
		w.add(seclang.RemoteAddr, "", addressText(q.Client), single)
	}
}

func addressText(a netip.Addr) string { return a.Unmap().String() }

// feedLeaf hands over one leaf. What is decoded below a header is input of the
// application, whatever the header is for.
func (w *work) feedLeaf(i int32, l *decode.Leaf) {
	text := l.Text
	if l.Opened || w.redundant(l.Node) {
		text = "" // what it holds are leaves of their own
	}
	switch l.Source {
	case decode.QueryArg:
		w.add(seclang.ArgsGet, l.Key, text, i)
	case decode.PathArg:
		w.add(seclang.ArgsPath, l.Key, text, i)
	case decode.BodyArg, decode.BodyText:
		w.add(seclang.ArgsPost, l.Key, text, i)
	case decode.Header, decode.HeaderArg:
		w.add(seclang.RequestHeaders, l.Key, text, i)
		if l.Source == decode.HeaderArg || l.Layers > 0 {
			w.add(seclang.ArgsPost, l.Key, text, i)
		}
	case decode.Cookie:
		w.add(seclang.RequestCookies, l.Key, text, i)
	case decode.FileName:
		w.add(seclang.Files, l.Key, text, i)
	case decode.FileField:
		w.add(seclang.FilesNames, l.Key, text, i)
	case decode.FileText:
		w.add(seclang.FilesTmpContent, l.Key, text, i)
	case decode.PartHeader:
		w.add(seclang.MultipartPartHeaders, l.Key, text, i)
	}
}
