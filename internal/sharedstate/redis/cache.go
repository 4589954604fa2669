package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"
)

// A value is kept behind the generation of its cache, whose length is its first
// byte. To clear a cache is to give it another generation, which is one step
// however much it holds; what was kept before expires in its time.
var (
	setValue = valkey.NewLuaScript(`
local generation = redis.call('GET', KEYS[1]) or ''
redis.call('SET', KEYS[2], string.char(#generation) .. generation .. ARGV[1], 'PX', ARGV[2])
return 1
`)
	addValue = valkey.NewLuaScript(`
local generation = redis.call('GET', KEYS[1]) or ''
local head = string.char(#generation) .. generation
if redis.call('GETRANGE', KEYS[2], 0, #generation) == head then return 0 end
redis.call('SET', KEYS[2], head .. ARGV[1], 'PX', ARGV[2])
return 1
`)
)

type cache struct {
	link               *link
	prefix, generation string
}

// Get implements sharedstate.Cache.
func (c *cache) Get(ctx context.Context, key string) ([]byte, bool, error) {
	keys := []string{c.generation, c.prefix + digest(key)}
	answer, err := c.link.do(ctx, func(ctx context.Context, client valkey.Client) valkey.ValkeyResult {
		return client.Do(ctx, client.B().Mget().Key(keys...).Build())
	})
	if err != nil {
		return nil, false, err
	}
	pair, err := answer.ToArray()
	if err != nil || len(pair) != 2 {
		return nil, false, errors.New("the shared store gives an answer that is none")
	}
	if pair[1].IsNil() {
		return nil, false, nil
	}
	generation := ""
	if !pair[0].IsNil() {
		generation, _ = pair[0].ToString()
	}
	value, err := pair[1].AsBytes()
	if err != nil {
		return nil, false, errors.New("the shared store gives an answer that is none")
	}
	head := 1 + len(generation)
	if len(value) < head || int(value[0]) != len(generation) || string(value[1:head]) != generation {
		return nil, false, nil // kept before the cache was cleared
	}
	return value[head:], true, nil
}

// Set implements sharedstate.Cache.
func (c *cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	_, err := c.put(ctx, setValue, key, value, ttl)
	return err
}

// Add implements sharedstate.Cache.
func (c *cache) Add(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	return c.put(ctx, addValue, key, value, ttl)
}

func (c *cache) put(ctx context.Context, script *valkey.Lua, key string, value []byte, ttl time.Duration) (bool, error) {
	milliseconds := max(1, (min(ttl, longest)+time.Millisecond-1)/time.Millisecond)
	keys := []string{c.generation, c.prefix + digest(key)}
	args := []string{string(value), strconv.FormatInt(int64(milliseconds), 10)}
	answer, err := c.link.do(ctx, func(ctx context.Context, client valkey.Client) valkey.ValkeyResult {
		return script.Exec(ctx, client, keys, args)
	})
	if err != nil {
		return false, err
	}
	done, err := answer.AsInt64()
	if err != nil {
		return false, errors.New("the shared store gives an answer that is none")
	}
	return done == 1, nil
}

// Delete implements sharedstate.Cache.
func (c *cache) Delete(ctx context.Context, key string) error {
	name := c.prefix + digest(key)
	_, err := c.link.do(ctx, func(ctx context.Context, client valkey.Client) valkey.ValkeyResult {
		return client.Do(ctx, client.B().Del().Key(name).Build())
	})
	return err
}

// Clear implements sharedstate.Cache.
func (c *cache) Clear(ctx context.Context) error {
	generation := strings.ToLower(rand.Text())
	_, err := c.link.do(ctx, func(ctx context.Context, client valkey.Client) valkey.ValkeyResult {
		return client.Do(ctx, client.B().Set().Key(c.generation).Value(generation).Build())
	})
	return err
}
