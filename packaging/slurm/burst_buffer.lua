--[[
burst_buffer.lua: Slurm keeps a job pending until its data is there and proven.

Slurm calls this file for jobs whose script has lines of the form

    #BB_LUA datagravity dataset=c4@latest to=aws shards=range:0-511

Nothing is copied here. The job is registered with datagravity, which moves the data; this file asks whether it is ready.
README.md beside it says how to install it, and what a user and an administrator see.

Three of the functions run inside slurmctld while it holds locks: slurm_bb_job_process, slurm_bb_pools and slurm_bb_paths. They start no
program and use no network; they read or write one small file. The others run in a process of their own, which Slurm may kill.

Slurm 24.11 and later ask slurm_bb_test_data_in again and again. Earlier versions never call it, so there slurm_bb_data_in itself
waits. Written for Lua 5.1 to 5.4, without modules.
--]]

local log_name = "datagravity"

-- What can be set in datagravity.conf, beside slurm.conf, as NAME = VALUE lines.
local settings = {
	program = "datagravity", -- found in slurmctld's PATH, or a whole path
	config = "", -- datagravity's configuration; empty: where datagravity looks for it itself
	cluster = "", -- empty: ClusterName of slurm.conf
	state_dir = "", -- where a job's environment waits for its start; empty: StateSaveLocation of slurm.conf
	refused = "hold", -- a job that a budget refuses is held by Slurm (hold), or stays pending until StageInTimeout (wait)
	poll_seconds = "15", -- between two questions, before Slurm 24.11; later versions have PollInterval in burst_buffer.conf
}

-- Exit codes of datagravity.
local READY, REFUSED, WAIT = 0, 3, 75

local longest_text = 250 -- bytes of a message; Slurm shows it in the job's reason

local known_keys = {
	dataset = true, to = true, shards = true, need_by = true, priority = true, team = true, keep = true, on_source_change = true,
}

-- ---------------------------------------------------------------------------------------------------------------- settings

-- The folder of this file is that of slurm.conf; Slurm asks for that.
local function config_dir()
	local source = debug.getinfo(1, "S").source
	return source:match("^@(.*)/[^/]*$") or "/etc/slurm"
end

-- Calls f(name, value) for the NAME = VALUE lines of a file; false if there is no such file.
local function each_setting(path, f)
	local file = io.open(path, "r")
	if not file then
		return false
	end
	for line in file:lines() do
		local name, value = line:gsub("#.*$", ""):match("^%s*([%w_]+)%s*=%s*(.-)%s*$")
		if name then
			f(name:lower(), value)
		end
	end
	file:close()
	return true
end

local function load_settings()
	local dir = config_dir()
	each_setting(dir .. "/datagravity.conf", function(name, value)
		if settings[name] ~= nil then
			settings[name] = value
		else
			slurm.log_error("%s: datagravity.conf: there is no setting %s", log_name, name)
		end
	end)
	each_setting(dir .. "/slurm.conf", function(name, value)
		if name == "clustername" and settings.cluster == "" then
			settings.cluster = value
		elseif name == "statesavelocation" and settings.state_dir == "" then
			settings.state_dir = value
		end
	end)
end

load_settings()

-- ------------------------------------------------------------------------------------------------------------------- names

-- The name by which datagravity knows the job; nil and why not, if there is none. job_info came with Slurm 23.02: before it, each task of an
-- array is a job of its own here.
local function job_name(job_id, job_info)
	local id = tostring(job_id):match("^%d+$")
	if not id then
		return nil, "the job id is no number"
	end
	local cluster = settings.cluster
	if type(job_info) == "table" then
		local array = tonumber(job_info["array_job_id"])
		if array and array > 0 and array < 4294967294 then
			id = string.format("%.0f", array)
		end
	end
	if cluster == "" then
		return nil, "slurm.conf has no ClusterName: set cluster in datagravity.conf"
	end
	cluster = cluster:lower():sub(1, 80):gsub("[^a-z0-9._-]", "-")
	return "slurm-" .. cluster .. "-" .. id
end

-- One line of printable text.
local function one_line(text)
	text = tostring(text or ""):gsub("%c+", " "):gsub("^%s+", ""):gsub("%s+$", "")
	return text:sub(1, longest_text)
end

-- ------------------------------------------------------------------------------------------------------------- declarations

-- The pairs of a directive, as they are read in a comment: spaces or semicolons between them, quotes around values that have such.
local function check_words(words, seen)
	local word, quote = nil, nil
	local function finish()
		if word == nil then
			return nil
		end
		local key, value = word:match("^([^=]*)=(.*)$")
		local given = word
		word = nil
		if not key then
			return "'" .. given .. "' is no KEY=VALUE"
		end
		key = key:gsub("%-", "_")
		if not known_keys[key] then
			return "there is no key '" .. key .. "': the keys are dataset, to, shards, need_by, priority, team, keep, on_source_change"
		end
		if value:match("^%s*$") then
			return key .. " has no value"
		end
		if seen[key] and key ~= "to" and key ~= "shards" then
			return key .. " is given twice"
		end
		seen[key] = true
		return nil
	end
	for i = 1, #words do
		local c = words:sub(i, i)
		if quote then
			if c == quote then
				quote = nil
			else
				word = word .. c
			end
		elseif c == '"' or c == "'" then
			quote, word = c, word or ""
		elseif c:match("[%s;]") then
			local wrong = finish()
			if wrong then
				return wrong
			end
		elseif c == "|" then
			return "a | ends it early: put values with one in quotes"
		else
			word = (word or "") .. c
		end
	end
	if quote then
		return "a quote " .. quote .. " is not closed"
	end
	return finish()
end

-- Whether the script declares data for us, and what is wrong with it. Only the head of the script is read, as Slurm does.
local function declared(job_script)
	local file = io.open(job_script, "r")
	if not file then
		return false, "the job script cannot be read"
	end
	local head = file:read(65536) or ""
	file:close()
	local found, seen = false, {}
	for line in head:gmatch("[^\n]+") do
		line = line:gsub("\r$", "")
		if line ~= "" and line:sub(1, 1) ~= "#" then
			break
		end
		local words = line:match("^#BB_LUA[ \t]+datagravity$") and "" or line:match("^#BB_LUA[ \t]+datagravity[ \t:=](.*)$")
		if words then
			found = true
			local wrong = check_words(words, seen)
			if wrong then
				return true, wrong
			end
		end
	end
	if found and not seen.dataset then
		return true, "it names no dataset: write dataset=NAME"
	end
	return found, nil
end

-- ----------------------------------------------------------------------------------------------------------------- commands

-- A word for the shell: nothing in it means anything there.
local function quoted(word)
	return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

-- Runs datagravity and returns its exit code and what it said; errors tells where standard error goes. Closing a pipe tells the exit code
-- only since Lua 5.2, so the shell says it in the last line.
local function run_with(errors, ...)
	local words = { quoted(settings.program) }
	if settings.config ~= "" then
		words[#words + 1] = "--config"
		words[#words + 1] = quoted(settings.config)
	end
	for _, word in ipairs({ ... }) do
		words[#words + 1] = quoted(word)
	end
	local pipe = io.popen(table.concat(words, " ") .. " </dev/null 2>" .. errors .. "; printf '\\n%d' $?", "r")
	if not pipe then
		return 127, "no shell could be started"
	end
	local output = pipe:read("*a") or ""
	pipe:close()
	local said, code = output:match("^(.*)\n(%d+)$")
	if not code then
		return 127, "the command was ended: " .. one_line(output)
	end
	code = tonumber(code)
	if code == 127 then
		said = settings.program .. " is not in slurmctld's PATH: set program in datagravity.conf"
	end
	return code, said
end

local function run(...)
	return run_with("&1", ...)
end

local function pause()
	os.execute("sleep " .. (settings.poll_seconds:match("^%d+%.?%d*$") or "15"))
end

local function failure(what, said)
	return slurm.ERROR, one_line("datagravity: " .. what .. ": " .. one_line(said))
end

-- ------------------------------------------------------------------------------------------------------------- environment

-- The job's environment waits in this file from stage-in to the job's start, so that slurm_bb_paths need not run anything.
local function env_path(job_id)
	local id = tostring(job_id):match("^%d+$")
	if not id or settings.state_dir == "" then
		return nil
	end
	return settings.state_dir .. "/datagravity." .. id .. ".env"
end

-- Asks where the job's data is and keeps the answer.
local function keep_env(job_id, name)
	local path = env_path(job_id)
	if not path then
		return failure("state", "slurm.conf has no StateSaveLocation: set state_dir in datagravity.conf")
	end
	-- As Slurm takes it: all behind the = is the value, and what a shell would need around it is not there. Standard error may have warnings.
	local code, said = run_with("/dev/null", "resolve", "--job", name, "--format", "task-prolog")
	if code ~= 0 then
		code, said = run("resolve", "--job", name, "--format", "task-prolog")
		return failure("resolve", said)
	end
	local file, why = io.open(path .. ".new", "w")
	if not file then
		return failure("state", why)
	end
	for line in said:gmatch("[^\n]+") do
		local variable = line:match("^export ([%a_][%w_]*=.*)$")
		if variable then
			file:write(variable, "\n")
		end
	end
	file:close()
	local renamed, problem = os.rename(path .. ".new", path)
	if not renamed then
		return failure("state", problem)
	end
	return slurm.SUCCESS, ""
end

-- ---------------------------------------------------------------------------------------------------------- stage-in, stage-out

-- One question: SUCCESS and "BUSY", SUCCESS and "", or ERROR and why.
local function ask(job_id, job_info)
	local name, why = job_name(job_id, job_info)
	if not name then
		return failure("name", why)
	end
	local code, said = run("ready", "--job", name)
	if code == WAIT or code == REFUSED and settings.refused == "wait" then
		return slurm.SUCCESS, "BUSY"
	end
	if code ~= READY then
		return failure("not ready", said)
	end
	return keep_env(job_id, name)
end

-- At submission, inside slurmctld: form only. What it says is printed by sbatch.
function slurm_bb_job_process(job_script, uid, gid, job_info)
	local found, wrong = declared(job_script)
	if found and wrong then
		return slurm.ERROR, one_line("datagravity: #BB_LUA: " .. wrong)
	end
	return slurm.SUCCESS, ""
end

function slurm_bb_pools()
	return slurm.SUCCESS
end

function slurm_bb_setup(job_id, uid, gid, pool, bb_size, job_script, job_info)
	return slurm.SUCCESS
end

-- Registers the job. A daemon that is busy or starting (75) is asked again, until StageInTimeout.
function slurm_bb_data_in(job_id, job_script, uid, gid, job_info)
	local found, wrong = declared(job_script)
	if wrong then
		return failure("#BB_LUA", wrong)
	end
	if not found then
		return slurm.SUCCESS, ""
	end
	local name, why = job_name(job_id, job_info)
	if not name then
		return failure("name", why)
	end
	local code, said
	repeat
		code, said = run("stage", "--job", name, "--slurm-script", job_script)
		if code == WAIT then
			pause()
		end
	until code ~= WAIT
	if code ~= 0 then
		return failure("stage", said)
	end
	slurm.log_info("%s: job %s is registered as %s", log_name, tostring(job_id), name)
	if slurm.SLURM_BB_BUSY ~= nil then
		return slurm.SUCCESS, ""
	end
	while true do
		local rc, text = ask(job_id, job_info)
		if rc ~= slurm.SUCCESS or text ~= "BUSY" then
			return rc, text
		end
		pause()
	end
end

function slurm_bb_test_data_in(job_id, job_script, uid, gid, job_info)
	local found, wrong = declared(job_script)
	if wrong then
		return failure("#BB_LUA", wrong)
	end
	if not found then
		return slurm.SUCCESS, ""
	end
	return ask(job_id, job_info)
end

function slurm_bb_real_size(job_id, uid, gid, job_info)
	return slurm.SUCCESS
end

-- At the job's start, inside slurmctld: what resolve said goes into the job's environment.
function slurm_bb_paths(job_id, job_script, path_file, uid, gid, job_info)
	local found, wrong = declared(job_script)
	if not found and not wrong then
		return slurm.SUCCESS, ""
	end
	local path = env_path(job_id)
	local from = path and io.open(path, "r")
	if not from then
		return failure("paths", "the environment that stage-in left is gone: requeue the job")
	end
	local lines = from:read("*a")
	from:close()
	local to, why = io.open(path_file, "w")
	if not to then
		return failure("paths", why)
	end
	to:write(lines)
	to:close()
	return slurm.SUCCESS, ""
end

function slurm_bb_pre_run(job_id, job_script, uid, gid, job_info)
	return slurm.SUCCESS
end

function slurm_bb_post_run(job_id, job_script, uid, gid, job_info)
	return slurm.SUCCESS
end

function slurm_bb_data_out(job_id, job_script, uid, gid, job_info)
	return slurm.SUCCESS
end

function slurm_bb_test_data_out(job_id, job_script, uid, gid, job_info)
	return slurm.SUCCESS, ""
end

-- After the job, or instead of it. The data stays: how long, is datagravity's decision.
function slurm_bb_job_teardown(job_id, job_script, hurry, uid, gid)
	local path = env_path(job_id)
	if path then
		os.remove(path)
		os.remove(path .. ".new")
	end
	return slurm.SUCCESS
end

-- scontrol show bbstat job JOBID: what datagravity says about it. Some versions put the caller's uid and gid before the words of the
-- command and some do not, so the number is the one behind "job".
function slurm_bb_get_status(...)
	local words = { ... }
	local id
	for i, word in ipairs(words) do
		if word == "job" then
			id = words[i + 1]
		end
	end
	if id == nil then
		return slurm.SUCCESS, "usage: scontrol show bbstat job JOBID\n"
	end
	local name, why = job_name(id, nil)
	if not name then
		return slurm.SUCCESS, why .. "\n"
	end
	local code, said = run("ready", "--job", name)
	return slurm.SUCCESS, string.format("%s: exit code %d: %s\n", name, code, one_line(said))
end
