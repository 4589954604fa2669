package proxywasm

import (
	"encoding/binary"
	"sync"
)

const (
	// maxShared bounds the bytes that the instances of a binding share, keys
	// included; maxKeys, maxQueues and maxMetrics bound their number.
	maxShared  = 8 << 20
	maxKeys    = 10_000
	maxQueues  = 64
	maxMetrics = 1_000
)

// sharedData is what the instances of one binding share: values, queues and
// metrics.
type sharedData struct {
	mu      sync.Mutex
	size    int
	values  map[string]*sharedValue
	names   map[string]uint32
	queues  [][][]byte
	metrics []metric
	ids     map[string]uint32
}

type sharedValue struct {
	data []byte
	cas  uint32
}

type metric struct {
	kind  uint32
	value uint64
}

func newSharedData() *sharedData {
	return &sharedData{values: make(map[string]*sharedValue), names: make(map[string]uint32), ids: make(map[string]uint32)}
}

// take counts bytes that are kept, and says whether there is room for them.
func (d *sharedData) take(n int) bool {
	if d.size+n > maxShared {
		return false
	}
	d.size += n
	return true
}

func (d *sharedData) get(key string) ([]byte, uint32, status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.values[key]
	if v == nil {
		return nil, 0, notFound
	}
	return v.data, v.cas, ok
}

// set keeps a value, when cas is 0 or that of the value there.
func (d *sharedData) set(key string, data []byte, cas uint32) status {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.values[key]
	switch {
	case v == nil && len(d.values) >= maxKeys:
		return internalFailure
	case v == nil:
		if !d.take(len(key) + len(data)) {
			return internalFailure
		}
		d.values[key] = &sharedValue{data: append([]byte(nil), data...), cas: 1}
		return ok
	case cas != 0 && cas != v.cas:
		return casMismatch
	case !d.take(len(data) - len(v.data)):
		return internalFailure
	}
	v.data = append([]byte(nil), data...)
	if v.cas++; v.cas == 0 {
		v.cas = 1
	}
	return ok
}

func getSharedData(a args) status {
	key, good := a.bytes(0)
	if !good {
		return invalidMemoryAccess
	}
	data, cas, st := a.in.plugin.shared.get(string(key))
	if st != ok {
		return st
	}
	if !a.put(4, cas) {
		return invalidMemoryAccess
	}
	return a.give(2, data)
}

func setSharedData(a args) status {
	key, data, good := a.two(0)
	if !good {
		return invalidMemoryAccess
	}
	return a.in.plugin.shared.set(string(key), data, a.u32(4))
}

func registerQueue(a args) status {
	name, good := a.bytes(0)
	if !good {
		return invalidMemoryAccess
	}
	d := a.in.plugin.shared
	d.mu.Lock()
	defer d.mu.Unlock()
	id, there := d.names[string(name)]
	if !there {
		if len(d.queues) >= maxQueues || !d.take(len(name)) {
			return internalFailure
		}
		d.queues = append(d.queues, nil)
		id = uint32(len(d.queues)) //nolint:gosec // at most maxQueues
		d.names[string(name)] = id
	}
	if !a.put(2, id) {
		return invalidMemoryAccess
	}
	return ok
}

// resolveQueue finds a queue of this binding, whatever VM is named.
func resolveQueue(a args) status {
	name, good := a.bytes(2)
	if !good {
		return invalidMemoryAccess
	}
	d := a.in.plugin.shared
	d.mu.Lock()
	defer d.mu.Unlock()
	id, there := d.names[string(name)]
	if !there {
		return notFound
	}
	if !a.put(4, id) {
		return invalidMemoryAccess
	}
	return ok
}

func enqueue(a args) status {
	data, good := a.bytes(1)
	if !good {
		return invalidMemoryAccess
	}
	id, d := a.u32(0), a.in.plugin.shared
	d.mu.Lock()
	defer d.mu.Unlock()
	if id == 0 || int(id) > len(d.queues) {
		return notFound
	}
	if !d.take(len(data) + 16) { // an entry costs a little, be it empty
		return internalFailure
	}
	d.queues[id-1] = append(d.queues[id-1], append([]byte(nil), data...))
	if a.in.calls[onQueueReady] != nil && len(a.in.ready) < maxQueues {
		a.in.ready = append(a.in.ready, id)
	}
	return ok
}

func dequeue(a args) status {
	id, d := a.u32(0), a.in.plugin.shared
	d.mu.Lock()
	if id == 0 || int(id) > len(d.queues) {
		d.mu.Unlock()
		return notFound
	}
	queue := d.queues[id-1]
	if len(queue) == 0 {
		d.mu.Unlock()
		return empty
	}
	data := queue[0]
	queue[0] = nil
	d.queues[id-1] = queue[1:]
	d.size -= len(data) + 16
	d.mu.Unlock()
	return a.give(1, data)
}

// The kinds of metrics.
const (
	counter   = 0
	histogram = 2
)

func defineMetric(a args) status {
	name, good := a.bytes(1)
	if !good {
		return invalidMemoryAccess
	}
	d, kind := a.in.plugin.shared, a.u32(0)
	d.mu.Lock()
	defer d.mu.Unlock()
	id, there := d.ids[string(name)]
	switch {
	case kind > histogram || there && d.metrics[id-1].kind != kind:
		return badArgument
	case !there && (len(d.metrics) >= maxMetrics || !d.take(len(name))):
		return internalFailure
	case !there:
		d.metrics = append(d.metrics, metric{kind: kind})
		id = uint32(len(d.metrics)) //nolint:gosec // at most maxMetrics
		d.ids[string(name)] = id
	}
	if !a.put(3, id) {
		return invalidMemoryAccess
	}
	return ok
}

// onMetric runs change on the metric that the first parameter names.
func onMetric(a args, change func(m *metric) status) status {
	id, d := a.u32(0), a.in.plugin.shared
	d.mu.Lock()
	defer d.mu.Unlock()
	if id == 0 || int(id) > len(d.metrics) {
		return notFound
	}
	return change(&d.metrics[id-1])
}

func incrementMetric(a args) status {
	return onMetric(a, func(m *metric) status {
		if m.kind == histogram || m.kind == counter && int64(a.stack[1]) < 0 { //nolint:gosec // its bits
			return badArgument
		}
		m.value += a.stack[1]
		return ok
	})
}

func recordMetric(a args) status {
	return onMetric(a, func(m *metric) status {
		if m.kind == counter {
			return badArgument
		}
		m.value = a.stack[1]
		return ok
	})
}

func getMetric(a args) status {
	return onMetric(a, func(m *metric) status {
		b := binary.LittleEndian.AppendUint64(nil, m.value)
		if !a.in.mod.Memory().Write(a.u32(1), b) {
			return invalidMemoryAccess
		}
		return ok
	})
}
