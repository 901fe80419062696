-- Calls the functions of a burst_buffer.lua as Slurm does and prints what each returns.
--   lua hooks.lua FOLDER old|new CALL...     a call is FUNCTION, or FUNCTION:ARGUMENT:ARGUMENT...; {} is a job_info
-- A call may not change the globals that the next one sees: Slurm loads the file anew for each.

local folder, version = arg[1], arg[2]

for i = 3, #arg do
	slurm = { SUCCESS = 0, ERROR = -1, log_info = function() end, log_error = function() end }
	if version == "new" then
		slurm.SLURM_BB_BUSY = "BUSY"
	end
	dofile(folder .. "/burst_buffer.lua")
	local words = {}
	for word in (arg[i] .. ":"):gmatch("([^:]*):") do
		if word == "{}" then
			word = { array_job_id = 40, job_id = 42 }
		end
		words[#words + 1] = word
	end
	local call = _G["slurm_bb_" .. table.remove(words, 1)]
	local code, text = call((table.unpack or unpack)(words))
	print(string.format("%d %s", code, tostring(text or "")))
end
