-- Claim a session for a returning client. A star before the node marks it as claimed until the client has it.
-- KEYS: the session  ARGV: the node, the window in milliseconds, 1 to claim it from a connected socket as well, the
-- account and the person of the client's token
-- Returns the session with the node that saved it, false if there is none, 0 if it cannot be claimed now, or 1 if it is
-- that of another person, who can still claim it.
local saved = redis.call('GET', KEYS[1])
if not saved then
  return false
end
local node, session = string.match(saved, '^(%S*) (.*)$')
local owner = cjson.decode(session)
if owner.account_id ~= ARGV[4] or owner.person_id ~= ARGV[5] then
  return 1
end
if string.sub(node, 1, 1) == '*' or (node ~= '' and ARGV[3] == '0') then
  return 0
end
redis.call('SET', KEYS[1], '*' .. ARGV[1] .. ' ' .. session, 'PX', ARGV[2])
return saved
