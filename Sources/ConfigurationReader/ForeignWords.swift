// Words of nginx, Varnish, Caddy, Traefik, HAProxy and others, and what Larder calls the same. One table: a feature that
// Larder gets is found here by the key that its word names, as soon as `KeyDescription` declares that key; until then the
// word gets the sentence beside it, or none.

import Configuration

struct ForeignWord {
    /// Written as `KeySpelling.folded` writes them.
    let words: Set<String>
    /// The keys that mean the same, as paths of `KeyDescription.all`. Those that aren't declared are passed over.
    let keys: [String]
    /// What to say if no key is declared.
    let otherwise: String?

    fileprivate init(_ words: String, _ keys: String..., otherwise: String? = nil) {
        self.words = Set(words.split(separator: " ").map { KeySpelling.folded(String($0)) })
        self.keys = keys
        self.otherwise = otherwise
    }
}

enum ForeignWords {
    /// - Parameters:
    ///   - plain: the word, folded.
    ///   - level: the words of which level are searched; nil for those that mean the same at every level.
    ///   - place: where the word stands, if that is not `level`.
    static func hint(for plain: String, at level: String?, from place: String? = nil) -> String? {
        let list = level.map { byLevel[$0] ?? [] } ?? everywhere
        guard let word = list.first(where: { $0.words.contains(plain) }) else { return nil }
        let keys = word.keys.filter { KeyDescription.named($0) != nil }
        guard !keys.isEmpty else { return word.otherwise }
        let from = level ?? place ?? ""
        return "use "
            + KeySpelling.choice(
                keys.map { key in
                    let name = quoted(KeySpelling.name(of: key))
                    return KeySpelling.parent(of: key) == from
                        ? name : "\(name) \(KeySpelling.place(of: key, from: from))"
                })
    }

    // MARK: - Every level

    static let everywhere = [
        ForeignWord(
            "ttl default_ttl valid max_age maxage s_maxage expire expires expiry expiration lifetime cache_ttl cache_valid "
                + "proxy_cache_valid cache_time cache_for", "routes.*.cache.timeout"),
        ForeignWord(
            "grace stale swr max_stale proxy_cache_background_update background_update",
            "routes.*.cache.stale_while_revalidate"),
        ForeignWord(
            "proxy_cache_use_stale use_stale serve_stale stale_on_error saint", "routes.*.cache.stale_if_error"),
        ForeignWord(
            "proxy_cache_lock cache_lock lock coalesce coalescing request_coalescing single_flight singleflight "
                + "proxy_cache_lock_timeout", "routes.*.cache.collapse"),
        ForeignWord("proxy_cache_key cache_key hash_key vcl_hash", "routes.*.cache.key"),
        ForeignWord(
            "proxy_cache_methods cache_methods allowed_methods allowed_http_verbs verbs http_methods",
            "routes.*.cache.methods"),
        ForeignWord(
            "proxy_cache_bypass proxy_no_cache no_cache skip skip_cache cache_bypass bypass bypass_cache "
                + "dont_cache", "routes.*.cache.bypass"),
        ForeignWord(
            "status status_codes codes cacheable_status cache_status_codes", "routes.*.cache.statuses"),
        ForeignWord(
            "ignore_query ignore_args ignore_query_string query_string querystring args sort_query",
            "routes.*.cache.query"),
        ForeignWord("ignore_headers proxy_ignore_headers ignore_cache_control override force", "routes.*.cache.mode"),
        ForeignWord("revalidate proxy_cache_revalidate", "routes.*.cache.keep"),
        ForeignWord(
            "proxy_next_upstream_tries proxy_next_upstream lb_try_duration", "routes.*.retries", "upstreams.*.retries"),
        ForeignWord("proxy_cache_purge cache_purge purge_on invalidate_on", "routes.*.cache.invalidates"),
        ForeignWord("surrogate_keys surrogate_key cache_tags xkey", "routes.*.cache.tags"),
        ForeignWord(
            "proxy_cache proxy_cache_path cache_path caching http_cache", "routes.*.cache", "store.backend"),
        ForeignWord("proxy_pass reverse_proxy", "routes.*.upstream"),
        ForeignWord("location match handle path_beg", "routes.*.path"),
        ForeignWord("server_name virtual_host vhost", "routes.*.host"),
        ForeignWord(
            "strip_prefix stripprefix strip_path trim_prefix handle_path strip strip_path_prefix", "routes.*.strip"),
        ForeignWord(
            "rewrite url_rewrite rewrite_uri replace_path replace_path_regex add_prefix uri_rewrite",
            "routes.*.rewrite"),
        ForeignWord(
            "proxy_set_header header_up request_headers set_request_header custom_request_headers request_header "
                + "http_request proxy_hide_request_header", "routes.*.request"),
        ForeignWord(
            "add_header header_down response_headers set_header set_response_header custom_response_headers "
                + "more_set_headers response_header http_response", "routes.*.response"),
        ForeignWord(
            "proxy_hide_header hide_header hide_headers remove_header remove_headers more_clear_headers",
            "routes.*.response.remove"),
        ForeignWord(
            "browser_ttl browser_cache browser_cache_ttl client_ttl browser_timeout", "routes.*.response.cache_control"
        ),
        ForeignWord(
            "headers header", "routes.*.request", "routes.*.response"),
        ForeignWord("redirect redir", "routes.*.redirect"),
        // nginx's `return 301 URL` and `return 404`.
        ForeignWord("return", "routes.*.redirect", "routes.*.respond"),
        ForeignWord("respond static_response direct_response fixed_response", "routes.*.respond"),
        ForeignWord(
            "compression gzip brotli encode encodings zstd gzip_proxied gunzip do_gzip beresp_do_gzip",
            "routes.*.compress"),
        ForeignWord(
            "gzip_types brotli_types compress_types included_content_types compression_type",
            "routes.*.compress.types"),
        ForeignWord(
            "gzip_min_length brotli_min_length min_length minimum_length min_response_body_bytes minsize_req",
            "routes.*.compress.min"),
        ForeignWord("gzip_comp_level brotli_comp_level comp_level quality", "routes.*.compress.level"),
        ForeignWord("gzip_vary", otherwise: "`compress` writes Vary by itself: remove the line"),
        ForeignWord("websocket websockets ws proxy_http_version", "routes.*.upgrade"),
        ForeignWord(
            "regex regexp path_regexp path_regex",
            otherwise:
                "paths are not regular expressions: use {name} for one segment, and {name...} at the end for the rest"),
        ForeignWord("proxy_connect_timeout dial_timeout timeout_connect", "upstreams.*.connect_timeout"),
        ForeignWord(
            "proxy_read_timeout response_header_timeout timeout_server ttfb_timeout", "upstreams.*.first_byte_timeout",
            "upstreams.*.between_bytes_timeout"),
        ForeignWord(
            "proxy_send_timeout", "upstreams.*.between_bytes_timeout"),
        ForeignWord("send_timeout", "limits.write_timeout"),
        ForeignWord("client_header_timeout read_header_timeout", "limits.head_timeout"),
        ForeignWord("client_body_timeout", "limits.read_timeout"),
        ForeignWord("client_max_body_size max_body_size max_request_body max_body body_limit", "limits.body"),
        ForeignWord("worker_connections max_clients maxconn", "limits.clients"),
        ForeignWord("large_client_header_buffers max_header_size max_header_bytes", "limits.head"),
        ForeignWord("set_real_ip_from real_ip_from trusted_ips", "server.trusted_proxies"),
        ForeignWord("worker_processes nbthread", "server.workers"),
        ForeignWord("access_log", "log.access"),
        ForeignWord("error_log", "log.level"),
        ForeignWord(
            "rate_limit ratelimit limit_req limit_conn throttle cors auth basic_auth auth_basic jwt acl ip_whitelist "
                + "ip_allowlist allow deny waf",
            otherwise: "Larder doesn't do this: leave it to the API or to a proxy in front"),
        ForeignWord(
            "middleware middlewares plugin plugins filters lua vcl snippet", otherwise: "Larder has no plug-ins"),
        ForeignWord(
            "disk proxy_store disk_cache temp_path", otherwise: "Larder stores in memory or Redis, not on disk"),
    ]

    // MARK: - One level

    static let byLevel: [String: [ForeignWord]] = [
        "": [
            ForeignWord("port bind address addr listeners", "server.listen"),
            ForeignWord("http https", "upstreams", "routes"),
            ForeignWord("frontend frontends global main", "server"),
            ForeignWord("backend backends services service origins origin targets clusters servers", "upstreams"),
            ForeignWord("locations rules sites paths proxies virtual_hosts endpoints", "routes"),
            ForeignWord("cache caches caching", "routes.*.cache", "store"),
            ForeignWord("storage", "store"),
            ForeignWord("logging logs", "log"),
            ForeignWord("metrics prometheus api dashboard management stats", "admin"),
            ForeignWord("limit", "limits"),
            ForeignWord("timeouts", "limits", "upstreams"),
            ForeignWord(
                "include includes import imports", "include", otherwise: "the configuration is one file"),
            ForeignWord("default defaults", "defaults", otherwise: "share keys with a YAML anchor"),
            ForeignWord("version", otherwise: "the file has no version: remove the line"),
        ],
        "server": [
            ForeignWord("port bind address addr host listeners", "server.listen"),
            ForeignWord("threads worker_threads concurrency worker", "server.workers"),
            ForeignWord(
                "tls ssl cert certificate certificates key https ssl_certificate", "server.listen.*.tls"),
            ForeignWord(
                "grace_period graceful_shutdown graceful_timeout shutdown_timeout stop_timeout", "server.drain"),
            ForeignWord("real_ip proxies trusted proxy_trusted", "server.trusted_proxies"),
            ForeignWord("keepalive_timeout", "limits.idle_timeout"),
            ForeignWord("read_timeout", "limits.read_timeout"),
            ForeignWord("write_timeout", "limits.write_timeout"),
            ForeignWord("timeout timeouts", "limits"),
            ForeignWord("level", otherwise: "`level` belongs under `log`"),
        ],
        "admin": [
            ForeignWord("port bind address addr host", "admin.listen"),
            ForeignWord("password auth api_key secret bearer", "admin.token"),
            ForeignWord("enabled enable", "admin.listen"),
        ],
        "store": [
            ForeignWord("type kind driver engine provider storage", "store.backend"),
            ForeignWord("url uri dsn host address addr server", "store.redis"),
            ForeignWord("max_memory maxmemory size max_size memory_limit cache_size", "store.memory"),
            ForeignWord("max_object max_object_size object_size max_file_size max_item_size", "store.object"),
            ForeignWord("namespace key_prefix", "store.prefix"),
            ForeignWord("password user username db database port", "store.redis"),
            ForeignWord("ssl insecure verify cacert tls_ca tls_cert tls_key", "store.tls"),
            ForeignWord("path dir directory folder", otherwise: "Larder stores in memory or Redis, not on disk"),
        ],
        "upstreams.*": [
            ForeignWord(
                "server url urls uri address addr addresses host_port endpoints endpoint backends targets target nodes members "
                    + "hosts to upstreams", "upstreams.*.servers"),
            ForeignWord("lb lb_policy load_balancing load_balancer policy strategy algorithm", "upstreams.*.balance"),
            ForeignWord("health_check healthcheck health_checks health health_uri probe httpchk", "upstreams.*.check"),
            ForeignWord(
                "timeout timeouts", "upstreams.*.connect_timeout", "upstreams.*.first_byte_timeout",
                "upstreams.*.between_bytes_timeout"),
            ForeignWord("read_timeout", "upstreams.*.first_byte_timeout", "upstreams.*.between_bytes_timeout"),
            ForeignWord("max_conns max_conn maxconn", "upstreams.*.max_connections"),
            ForeignWord("retry max_retries tries attempts", "upstreams.*.retries"),
            ForeignWord(
                "max_fails fail_timeout passive_health circuit_breaker outlier_detection", "upstreams.*.check.fall",
                otherwise: nil),
            ForeignWord("dns resolver resolve_interval", "upstreams.*.resolve"),
            ForeignWord(
                "tls ssl insecure verify", "upstreams.*.tls"),
            ForeignWord("weight weights", "upstreams.*.servers.*.weight"),
            ForeignWord("backup backups fallback", "upstreams.*.servers.*.backup"),
            ForeignWord("hash ip_hash hash_policy consistent_hash sticky affinity", "upstreams.*.hash_key"),
            ForeignWord(
                "proxy_next_upstream_tries next_upstream_tries lb_retries try_count",
                "upstreams.*.retries"),
        ],
        "upstreams.*.servers.*": [
            ForeignWord("uri address addr host server target", "upstreams.*.servers.*.url"),
            ForeignWord("weights share", "upstreams.*.servers.*.weight"),
            ForeignWord("backups fallback down", "upstreams.*.servers.*.backup"),
            ForeignWord("max_fails fail_timeout", "upstreams.*.check"),
            ForeignWord("max_conns", "upstreams.*.max_connections"),
        ],
        "upstreams.*.check": [
            ForeignWord("uri url endpoint", "upstreams.*.check.path"),
            ForeignWord("statuses code codes expect expect_status", "upstreams.*.check.status"),
            ForeignWord("period every", "upstreams.*.check.interval"),
            ForeignWord("healthy_threshold success_threshold", "upstreams.*.check.rise"),
            ForeignWord("unhealthy_threshold failure_threshold max_fails", "upstreams.*.check.fall"),
        ],
        "routes.*": [
            ForeignWord("headers header", "routes.*.request", "routes.*.response"),
            ForeignWord("prefix path_prefix uri url pattern rule route", "routes.*.path"),
            ForeignWord("locations uris", "routes.*.paths"),
            ForeignWord("domains hostnames server_names", "routes.*.hosts"),
            ForeignWord("domain hostname", "routes.*.host"),
            ForeignWord(
                "backend service target dest destination forward forward_to origin to proxy upstreams server servers",
                "routes.*.upstream"),
            ForeignWord("method", "routes.*.cache.methods"),
            ForeignWord("caching cached", "routes.*.cache"),
            ForeignWord(
                "proxy_next_upstream_tries next_upstream_tries proxy_next_upstream lb_retries max_retries retry attempts tries",
                "routes.*.retries"),
            ForeignWord(
                "proxy_read_timeout read_timeout response_header_timeout", "routes.*.timeouts.first_byte",
                "routes.*.timeouts.between_bytes"),
            // Nearer to `timeouts` than to what is meant.
            ForeignWord("timeout", otherwise: "`timeout` belongs under `cache`"),
            ForeignWord("first_byte_timeout", "routes.*.timeouts.first_byte"),
            ForeignWord("proxy_send_timeout between_bytes_timeout", "routes.*.timeouts.between_bytes"),
            ForeignWord("connect_timeout proxy_connect_timeout dial_timeout", "routes.*.timeouts.connect"),
            ForeignWord("purge purges invalidate bans ban", "routes.*.cache.invalidates"),
        ],
        "routes.*.timeouts": [
            ForeignWord("connect_timeout dial", "routes.*.timeouts.connect"),
            ForeignWord(
                "read read_timeout response response_header", "routes.*.timeouts.first_byte",
                "routes.*.timeouts.between_bytes"),
            ForeignWord("first_byte_timeout ttfb", "routes.*.timeouts.first_byte"),
            ForeignWord("between_bytes_timeout send write", "routes.*.timeouts.between_bytes"),
        ],
        "routes.*.respond": [
            ForeignWord("code status_code", "routes.*.respond.status"),
            ForeignWord("content text message", "routes.*.respond.body"),
            ForeignWord("path root", "routes.*.respond.file"),
            ForeignWord("header set", "routes.*.respond.headers"),
            ForeignWord(
                "type content_type default_type mime", otherwise: "write headers: {Content-Type: application/json}"),
        ],
        "routes.*.redirect": [
            ForeignWord("url uri target location destination dest", "routes.*.redirect.to"),
            ForeignWord("code status_code permanent temporary", "routes.*.redirect.status"),
        ],
        "routes.*.cache": [
            ForeignWord("grace", "routes.*.cache.stale_while_revalidate"),
            ForeignWord("method verb", "routes.*.cache.methods"),
            ForeignWord("status code codes", "routes.*.cache.statuses"),
            ForeignWord("duration time seconds", "routes.*.cache.timeout"),
            ForeignWord("storage store backend", "store.backend"),
            ForeignWord("size max_size memory", "store.memory"),
            ForeignWord("max_object_size max_file_size max_body_size", "store.object"),
            ForeignWord("invalidate purge purges ban bans clears", "routes.*.cache.invalidates"),
            ForeignWord("tag", "routes.*.cache.tags"),
            ForeignWord("spread splay randomize ttl_jitter", "routes.*.cache.jitter"),
            ForeignWord("types mime_types media_types", "routes.*.cache.content_types"),
            ForeignWord("vary", "routes.*.cache.key"),
            ForeignWord("ignore_cookies cookie cookies", "routes.*.cache.cookies", "routes.*.cache.allow_set_cookie"),
            ForeignWord("private authorization", "routes.*.cache.allow_authorization"),
            ForeignWord("on enabled enable", otherwise: "`cache: on` caches with all defaults"),
            ForeignWord("off disabled disable", otherwise: "`cache: off` caches nothing"),
        ],
        "routes.*.compress": [
            ForeignWord(
                "algorithms algorithm algo encodings encoding formats format methods prefer coding order",
                "routes.*.compress.codings"),
            ForeignWord("content_types mime_types media_types type", "routes.*.compress.types"),
            ForeignWord("min_size minimum minimum_size size threshold above", "routes.*.compress.min"),
            ForeignWord("compression_level effort", "routes.*.compress.level"),
            ForeignWord("vary etag", otherwise: "`compress` writes Vary and ETag by itself: remove the line"),
        ],
        "routes.*.request": fields(of: "routes.*.request"),
        "routes.*.response": fields(of: "routes.*.response") + [
            ForeignWord("cache expires max_age ttl browser browser_ttl", "routes.*.response.cache_control")
        ],
        "limits": [
            ForeignWord("max_connections connections", "limits.clients"),
            ForeignWord("header headers header_size head_size", "limits.head"),
            ForeignWord("max_headers header_count", "limits.fields"),
            ForeignWord("keepalive_timeout", "limits.idle_timeout"),
            ForeignWord("keepalive_requests", "limits.requests"),
            ForeignWord("request_body body_size", "limits.body"),
        ],
        "log": [
            ForeignWord("file path output destination target", "log.to"),
            ForeignWord("format", "log.access"),
            ForeignWord("severity verbosity", "log.level"),
        ],
    ]

    private static func fields(of parent: String) -> [ForeignWord] {
        [
            ForeignWord("replace overwrite set_header set_headers header_set headers header", "\(parent).set"),
            ForeignWord("append insert add_header add_headers header_add", "\(parent).add"),
            ForeignWord("delete del unset hide drop clear strip remove_header remove_headers", "\(parent).remove"),
        ]
    }
}
