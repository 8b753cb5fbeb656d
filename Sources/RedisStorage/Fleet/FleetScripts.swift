// The scripts of the connection that keeps this process in touch with the others. Each runs at one moment of Redis's, so that what
// it returns belongs together, and each touches one slot. Times are Redis's own.

enum FleetScripts {
    /// A sign of life, and what was purged since.
    ///
    /// Keys: purges, members, epoch. Arguments: this member, the position up to which it has applied purges, how long it relies
    /// on that in milliseconds, something random for a new epoch, the most entries to return.
    /// Returns: the time, the epoch, the positions of the first and the last entry, whether earlier ones are gone from the
    /// stream, the entries after the position, and whether the one at the position is there.
    static let beat: StaticString = """
        local t=redis.call('TIME')
        local now=t[1]*1000+math.floor(t[2]/1000)
        redis.call('SET',KEYS[3],ARGV[4]..':'..string.format('%.0f',now),'NX')
        redis.call('HSET',KEYS[2],ARGV[1],ARGV[2]..' '..string.format('%.0f',now+ARGV[3]))
        if redis.call('HLEN',KEYS[2])>256 then
          local all=redis.call('HGETALL',KEYS[2])
          for i=1,#all,2 do
            local ends=tonumber(string.match(all[i+1],' (%d+)$') or '0')
            if ends<now-60000 then redis.call('HDEL',KEYS[2],all[i]) end
          end
        end
        local first=redis.call('XRANGE',KEYS[1],'-','+','COUNT',1)
        local last=redis.call('XREVRANGE',KEYS[1],'+','-','COUNT',1)
        local trimmed=0
        if #first>0 then
          if redis.call('XLEN',KEYS[1])>=131072 then trimmed=1 end
          local info=redis.pcall('XINFO','STREAM',KEYS[1])
          for i=1,#info-1,2 do
            if info[i]=='max-deleted-entry-id' and info[i+1]~='0-0' then trimmed=1 end
            if info[i]=='entries-added' and info[i+1]>redis.call('XLEN',KEYS[1]) then trimmed=1 end
          end
        end
        return {string.format('%.0f',now),redis.call('GET',KEYS[3]),#first>0 and first[1][1] or '0-0',
          #last>0 and last[1][1] or '0-0',trimmed,
          redis.call('XRANGE',KEYS[1],'('..ARGV[2],'+','COUNT',ARGV[5]),
          #redis.call('XRANGE',KEYS[1],ARGV[2],ARGV[2],'COUNT',1)}
        """

    /// Puts an entry back that Redis has lost, at its own position if that is still possible.
    ///
    /// Key: purges. Arguments: the position, then fields and values. Returns: the position at which it stands now.
    static let restore: StaticString = """
        if #redis.call('XRANGE',KEYS[1],ARGV[1],ARGV[1])>0 then return ARGV[1] end
        local id=redis.pcall('XADD',KEYS[1],ARGV[1],unpack(ARGV,2))
        if type(id)=='table' then id=redis.call('XADD',KEYS[1],'*',unpack(ARGV,2)) end
        return id
        """

    /// Who has applied what.
    ///
    /// Keys: members, epoch. Returns: the time, the epoch, and the members as HGETALL has them.
    static let members: StaticString = """
        local t=redis.call('TIME')
        return {string.format('%.0f',t[1]*1000+math.floor(t[2]/1000)),redis.call('GET',KEYS[2]) or '',
          redis.call('HGETALL',KEYS[1])}
        """
}
