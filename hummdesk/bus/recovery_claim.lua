-- Claim a session for a returning client. A star before the node marks it as claimed until the client has it.
-- KEYS: the session  ARGV: the node, the window in milliseconds, 1 to claim it from a connected socket as well
-- Returns the session with the node that saved it, false if there is none, or 0 if it cannot be claimed now.
local saved = redis.call('GET', KEYS[1])
if not saved then
  return false
end
local node, rest = string.match(saved, '^(%S*)( .*)$')
if string.sub(node, 1, 1) == '*' or (node ~= '' and ARGV[3] == '0') then
  return 0
end
redis.call('SET', KEYS[1], '*' .. ARGV[1] .. rest, 'PX', ARGV[2])
return saved
