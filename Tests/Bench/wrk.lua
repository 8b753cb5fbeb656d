-- Prints wrk's figures as one JSON line. With an argument, each request is for a path of its own that begins with that;
-- without, nothing is defined that wrk would call per request.
init = function(arguments)
    if arguments[1] then
        local number = 0
        request = function()
            number = number + 1
            return wrk.format(nil, arguments[1] .. number)
        end
    end
end

done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests":%d,"microseconds":%d,"bytes":%d,"p50_us":%d,"p99_us":%d,"longest_us":%d,' ..
        '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
        summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99), latency.max,
        errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
