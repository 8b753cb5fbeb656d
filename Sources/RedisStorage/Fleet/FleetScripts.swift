// The scripts of the connection that keeps this process in touch with the others. Each runs at one moment of Redis's, so that what
// it returns belongs together, and each touches one slot. Times are Redis's own.

enum FleetScripts {
    /// A sign of life, and what was purged since.
    ///
    /// Keys: purges, members, epoch. Arguments: this member, the position up to which it has applied purges, how long it relies
    /// on that in milliseconds, something random for a new epoch, the most entries to return (0 for the position of the next one
    /// alone), and 1 if it is the first on its connection.
    /// Returns: the time, the epoch, the positions of the first and the last entry, whether earlier ones are gone from the
    /// stream, the entries after the position, whether the one at the position is there, and the last one up to it.
    ///
    /// An epoch is of one run of one server: who comes back with older data begins another; no connection outlasts that. A stream whose positions can't be
    /// told apart in one word, as another program's may be, begins again with a purge of everything.
    static let beat: StaticString = """
        local t=redis.call('TIME')
        local now=t[1]*1000+math.floor(t[2]/1000)
        local newest=redis.call('XREVRANGE',KEYS[1],'+','-','COUNT',1)
        if #newest>0 then
          local ms,seq=string.match(newest[1][1],'(%d+)-(%d+)')
          if tonumber(ms)>=17592186044416 or tonumber(seq)>=1048576 then
            redis.call('UNLINK',KEYS[1],KEYS[3])
            redis.call('XADD',KEYS[1],'*','e','1')
          end
        end
        local info=ARGV[6]=='1' and redis.pcall('INFO','server')
        local run=type(info)=='string' and string.match(info,'run_id:(%w+)') or ''
        local epoch=redis.call('GET',KEYS[3])
        if not epoch or run~='' and string.match(epoch,'/(%w*):')~=run then
          redis.call('SET',KEYS[3],ARGV[4]..'/'..run..':'..string.format('%.0f',now))
        end
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
        local found=redis.call('XRANGE',KEYS[1],'('..ARGV[2],'+','COUNT',ARGV[5]=='0' and '1' or ARGV[5])
        if ARGV[5]=='0' and #found>0 then found={{found[1][1],{}}} end
        local before=redis.call('XREVRANGE',KEYS[1],ARGV[2],'-','COUNT',1)
        return {string.format('%.0f',now),redis.call('GET',KEYS[3]),#first>0 and first[1][1] or '0-0',
          #last>0 and last[1][1] or '0-0',trimmed,found,
          #redis.call('XRANGE',KEYS[1],ARGV[2],ARGV[2],'COUNT',1),#before>0 and before[1][1] or '0-0'}
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
