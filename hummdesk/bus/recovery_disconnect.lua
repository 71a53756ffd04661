-- Begin the recovery window of a socket that this node has closed, if its session is saved.
-- KEYS: the session  ARGV: the node, the window in milliseconds
-- Returns 1, or 0 if another node has the session.
local saved = redis.call('GET', KEYS[1])
if not saved then
  return 1
end
local node, rest = string.match(saved, '^%*?(%S*)( .*)$')
if node ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], rest, 'PX', ARGV[2])
return 1
