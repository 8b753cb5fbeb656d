// `GET /`: the status page, self-contained. It loads `/stats` every two seconds and shows the values as text, never as markup.

enum StatusPage {
    static var response: AdminResponse {
        var response = AdminResponse(type: "text/html; charset=utf-8", Array(page.utf8))
        response.add(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
                + "frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
        return response
    }

    private static let page = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>Larder</title>
        <style>
        :root { color-scheme: light dark; --line: #8884; --soft: #888; --good: #2a8a4a; --bad: #c33; }
        body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
        h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1rem; margin: 2rem 0 .5rem }
        #state { color: var(--soft) }
        #tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin-top: 1.5rem }
        #tiles div { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem }
        #tiles b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums }
        #tiles span { color: var(--soft); font-size: .85rem }
        table { border-collapse: collapse; width: 100% }
        th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: right;
          font-variant-numeric: tabular-nums }
        th { color: var(--soft); font-weight: 500 } th:first-child, td:first-child { text-align: left }
        .up { color: var(--good) } .down, .limited, .partial, .ejected, .failing { color: var(--bad) }
        </style>
        </head>
        <body>
        <h1>Larder</h1>
        <div id="state">loading …</div>
        <div id="tiles"></div>
        <h2>Store</h2><table id="store"></table>
        <h2>Routes</h2><table id="routes"></table>
        <h2>Upstreams</h2><table id="upstreams"></table>
        <h2>Outcomes of requests</h2><table id="outcomes"></table>
        <h2>Coalescing and background refreshes</h2><table id="sharing"></table>
        <h2>Limits reached</h2><table id="limits"></table>
        <noscript>This page needs JavaScript: it loads /stats every two seconds.</noscript>
        <script>
        'use strict'
        let before = null
        const element = id => document.getElementById(id)
        const number = n => n.toLocaleString('en')
        const bytes = n => {
          const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
          let unit = 0
          while (n >= 1024 && unit < 4) { n /= 1024; unit++ }
          return (unit && n < 100 ? n.toFixed(1) : Math.round(n)) + ' ' + units[unit]
        }
        const duration = s => s < 120 ? s + ' s' : s < 7200 ? Math.floor(s / 60) + ' min'
          : s < 172800 ? Math.floor(s / 3600) + ' h' : Math.floor(s / 86400) + ' days'
        const share = (part, whole) => whole ? (100 * part / whole).toFixed(1) + ' %' : '–'
        function table(id, titles, rows) {
          const make = (tag, cells) => {
            const row = document.createElement('tr')
            for (const text of cells) {
              const cell = row.appendChild(document.createElement(tag))
              cell.textContent = text
              const state = String(text).split(':')[0]
              if (['up', 'down', 'limited', 'partial', 'ejected', 'failing'].includes(state)) cell.className = state
            }
            return row
          }
          element(id).replaceChildren(...(titles.length ? [make('th', titles)] : []), ...rows.map(r => make('td', r)))
        }
        const health = place => (place.standing === 'aside' ? 'ejected' : place.standing)
          + (place.problem ? ': ' + place.problem : '')
        const counted = object => Object.entries(object).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1])
        function show(stats) {
          const t = stats.totals, o = stats.outcomes
          const elapsed = before ? (performance.now() - before.at) / 1000 : 0
          const rate = elapsed ? number(Math.round(Math.max(0, t.requests - before.requests) / elapsed)) : '–'
          before = { at: performance.now(), requests: t.requests }
          element('state').textContent = 'version ' + stats.version + ', up ' + duration(stats.uptime)
            + (stats.draining ? ', draining' : '') + (stats.last_reload.successful ? '' : ', the last reload failed') + ', ' + bytes(stats.process.resident_bytes) + ' resident'
          const hits = o.hit + o.stale + o.revalidated
          const tiles = [['requests / s', rate], ['requests', number(t.requests)],
            ['cache hit rate', share(hits, hits + o.miss + o.bypass)], ['clients', number(t.clients)],
            ['sent to clients', bytes(t.bytes_to_clients)], ['5xx responses', number(t.statuses['5xx'])]]
          element('tiles').replaceChildren(...tiles.map(([name, value]) => {
            const tile = document.createElement('div')
            tile.appendChild(document.createElement('b')).textContent = value
            tile.appendChild(document.createElement('span')).textContent = name
            return tile
          }))
          const s = stats.store, rows = [['backend', s.backend], ['state', s.state]]
          if (s.reason) rows.push(['reason', s.reason])
          if (s.memory) rows.push(['memory', bytes(s.memory.bytes) + ' of ' + bytes(s.memory.limit)],
            ['entries in memory', number(s.memory.entries)], ['evictions', number(s.memory.evictions)])
          if (s.remote) rows.push(['Redis hits / misses', number(s.remote.lookup_hits) + ' / ' + number(s.remote.lookup_misses)],
            ['Redis timeouts and failures', number(s.remote.timeouts + s.remote.failures)])
          table('store', [], rows)
          table('routes', ['route', 'requests', 'hits', 'share', 'stored', 'sent'], stats.routes.map(r => [(r.host || '')
            + r.path, number(r.requests), number(r.hits), share(r.hits, r.requests), number(r.stores), bytes(r.bytes)]))
          table('upstreams', ['server', 'state', 'in progress', 'requests', 'failures'], stats.upstreams.flatMap(u =>
            u.servers.flatMap(v => [[u.name + '  ' + v.address, health(v), number(v.outstanding), number(v.requests), number(v.failures)],
              ...(v.addresses && v.addresses.length > 1 ? v.addresses.map(a => ['    ' + a.address, health(a), '', '', '']) : [])])))
          table('outcomes', [], counted(o).map(([name, n]) => [name, number(n)]))
          table('sharing', [], counted(stats.sharing).map(([name, n]) => [name.replaceAll('_', ' '), number(n)]))
          table('limits', [], counted(stats.limits).map(([name, n]) => [name, number(n)]))
        }
        async function tick() {
          try {
            const response = await fetch('/stats')
            if (response.ok) show(await response.json())
            else element('state').textContent = response.status == 401
              ? 'the admin token is required: send Authorization: Bearer …' : 'loading /stats failed with status ' + response.status
          } catch { element('state').textContent = 'Larder is not responding' }
          setTimeout(tick, 2000)
        }
        tick()
        </script>
        </body>
        </html>

        """
}
