package redis

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/valkey-io/valkey-go"

	"farrier.dev/farrier/internal/sharedstate"
)

// count spends n of several limits as one step, by the server's clock. KEYS are
// the windows; ARGV are whether nothing may be spent when a limit has less than n
// left (1) or all is spent whatever is left (0), then n, then of each limit its
// maximum, its period in microseconds and its burst. The answer is whether it
// was spent, and of each limit what is left and the microseconds until that gets
// better. A window is the number used, which expires; a bucket is the moment at
// which it is full again, in microseconds since 2025-06-15, so that fractions of
// them fit into a number of Lua.
var count = valkey.NewLuaScript(`
if redis.replicate_commands then redis.replicate_commands() end
local time = redis.call('TIME')
local now = (tonumber(time[1]) - 1750000000) * 1000000 + tonumber(time[2])
local n = tonumber(ARGV[2])
local answer = {1}

local function look(i, spent)
  local max, period, burst = tonumber(ARGV[3*i]), tonumber(ARGV[3*i+1]), tonumber(ARGV[3*i+2])
  if burst <= 0 then
    local ttl = redis.call('PTTL', KEYS[i])
    if ttl < 0 then ttl = math.max(1, math.ceil(period / 1000)) end
    if spent > 0 then
      redis.call('INCRBY', KEYS[i], ARGV[2])
      redis.call('PEXPIRE', KEYS[i], string.format('%.0f', math.max(1, ttl)))
    end
    local used = tonumber(redis.call('GET', KEYS[i]) or '0')
    return math.max(max - used, 0), ttl * 1000
  end
  local interval = period / max
  local missing = math.max(tonumber(redis.call('GET', KEYS[i]) or '0') - now, 0)
  if spent > 0 then
    missing = missing + spent * interval
    redis.call('SET', KEYS[i], string.format('%.3f', now + missing), 'PX', string.format('%.0f', math.ceil(missing / 1000) + 1))
  end
  local left = math.floor((burst * interval - missing) / interval + 0.000001)
  if left > 0 then return left, math.ceil(missing) end
  return 0, math.ceil(missing - (burst - 1) * interval)
end

if ARGV[1] == '1' then
  for i = 1, #KEYS do
    local left, reset = look(i, 0)
    if left < n then answer[1] = 0 end
    answer[2*i], answer[2*i+1] = left, reset
  end
  if answer[1] == 0 then return answer end
end
for i = 1, #KEYS do
  answer[2*i], answer[2*i+1] = look(i, n)
end
return answer
`)

type counter struct {
	link         *link
	prefix, name string
}

// Take implements sharedstate.Counter.
func (c *counter) Take(ctx context.Context, key string, limits []sharedstate.Limit) (sharedstate.Result, error) {
	return c.spend(ctx, key, "1", 1, limits)
}

// Charge implements sharedstate.Counter.
func (c *counter) Charge(ctx context.Context, key string, n int64, limits []sharedstate.Limit) (sharedstate.Result, error) {
	result, err := c.spend(ctx, key, "0", max(n, 0), limits)
	result.OK = err == nil && (len(limits) == 0 || result.Remaining > 0)
	return result, err
}

// longest is the longest period that is counted, a century as in memory.
const longest = 100 * 365 * 24 * time.Hour

func (c *counter) spend(ctx context.Context, key, all string, n int64, limits []sharedstate.Limit) (sharedstate.Result, error) {
	if len(limits) == 0 {
		return sharedstate.Result{OK: true}, nil
	}
	// The braces keep the windows of one key together on servers that shard.
	prefix := c.prefix + "{" + digest(c.name, key) + "}:"
	keys := make([]string, 0, len(limits))
	args := append(make([]string, 0, 2+3*len(limits)), all, strconv.FormatInt(n, 10))
	for _, limit := range limits {
		limit.Max, limit.Burst = max(limit.Max, 0), max(limit.Burst, 0)
		limit.Period = max(0, min(limit.Period, longest))
		if limit.Max == 0 {
			limit.Burst = 0
		}
		most, burst := strconv.FormatInt(limit.Max, 10), strconv.FormatInt(limit.Burst, 10)
		period := strconv.FormatInt(max(1, limit.Period.Microseconds()), 10)
		keys = append(keys, prefix+most+"/"+period+"/"+burst)
		args = append(args, most, period, burst)
	}
	answer, err := c.link.do(ctx, func(ctx context.Context, client valkey.Client) valkey.ValkeyResult {
		return count.Exec(ctx, client, keys, args)
	})
	if err != nil {
		return sharedstate.Result{}, err
	}
	numbers, err := answer.AsIntSlice()
	if err != nil || len(numbers) != 1+2*len(limits) {
		return sharedstate.Result{}, errors.New("the shared store gives an answer that is none")
	}
	result := sharedstate.Result{OK: numbers[0] == 1}
	for i, limit := range limits {
		result.Narrow(i, limit.Max, numbers[1+2*i], time.Duration(numbers[2+2*i])*time.Microsecond)
	}
	return result, nil
}
