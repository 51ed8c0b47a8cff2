# Runs one file of Redis' own test suite against a server that runs already, and tells of each test
# by itself: an error in one test, or between two, does not hide the rest of the file.
#
#   tclsh driver.tcl HOST PORT SINGLEDB UNIT [TEST...]
#
# The working directory is the top of Redis' source. TESTs are passed over. Each event is a line:
# its kind and its texts, each in base64.

lassign $argv host port singledb unit
set passedOver [lrange $argv 4 end]

proc tell {kind args} {
    set line $kind
    foreach text $args {
        append line " " [binary encode base64 [encoding convertto utf-8 $text]]
    }
    puts stdout $line
    flush stdout
}

# All of the suite but its last part, which would start it.
set argv [list --host $host --port $port --durable]
if {$singledb} {lappend argv --singledb}
set channel [open tests/test_helper.tcl]
set text [read $channel]
close $channel
eval [string range $text 0 [string first "\nif \{\$::client\} \{\n    if \{\[catch \{ test_client_main" $text]-1]

set ::test_server_fd {}
set ::denytags {large-memory repl needs:repl needs:save}
set ::used {}
set ::user {}
set ::baseline {}

proc send_data_packet {fd status data {elapsed 0}} {}

# Which commands a test sends tells what it needs.
rename ::redis::__dispatch__raw__ ::redis::__dispatch__kept__
proc ::redis::__dispatch__raw__ {id method argv} {
    if {[info command ::redis::__method__$method] eq {}} {
        dict set ::used [string tolower $method] 1
        # These speak of other commands.
        if {[string tolower $method] in {acl command}} {
            foreach word [regexp -all -inline {[a-z_]+} [string tolower $argv]] {
                dict set ::used $word 1
            }
        }
    }
    uplevel 1 [list ::redis::__dispatch__kept__ $id $method $argv]
}

proc test {name code {okpattern undefined} {tags {}}} {
    if {$name in $::passedOver} return
    set all [concat $::tags $tags]
    if {![tags_acceptable $all why]} {
        tell ignored $name $why
        return
    }
    tell testing $name
    set ::user {}
    catch {set ::user [r acl whoami]}
    catch {set ::baseline [r config get *]}
    set ::used {}
    set ::cur_test $name
    set before $::redis::id
    if {[catch {set retval [uplevel 1 $code]} error]} {
        set why $error
    } elseif {$okpattern eq "undefined" || $okpattern eq $retval || [string match $okpattern $retval]} {
        tell passed $name [dict keys $::used]
        return
    } else {
        set why "Expected '$okpattern' to equal or match '$retval'"
    }
    tell failed $name $why
    recover $before
}

# What a test that failed left behind must not fail those that follow.
proc recover {before} {
    for {set id [expr {$before + 1}]} {$id <= $::redis::id} {incr id} {
        if {[info exists ::redis::fd($id)]} {catch {::redis::__method__close $id $::redis::fd($id)}}
    }
    if {![in_step]} {catch {reconnect}}
    catch {
        set admin [redis $::host $::port 0 0]
        foreach {name value} [$admin config get *] {
            if {[dict exists $::baseline $name] && [dict get $::baseline $name] ne $value} {
                catch {$admin config set $name [dict get $::baseline $name]}
            }
        }
        $admin close
    }
}

# Whether the client hears the answer to what it asks and is who it was; it keeps its user then.
proc in_step {} {
    catch {r discard}
    set word "in step [clock microseconds]"
    set failed [catch {r echo $word} answer]
    if {$failed ? ![string match NO* $answer] : $answer ne $word} {return 0}
    set user {}
    catch {set user [r acl whoami]}
    expr {$::user ne "default" || $user eq "default"}
}

proc select_database {client} {
    if {!$::singledb} {$client select 9}
}

# As run_external_server_test, but also for servers that differ only in settings, and command by
# command.
proc start_server {options {code undefined}} {
    set overrides {}
    set own {}
    foreach {option value} $options {
        switch $option {
            overrides {set overrides $value}
            tags {set own [string map {\" ""} $value]}
            default {
                tell ignored "start_server $options" "needs a server of its own ($option)"
                return
            }
        }
    }
    foreach {name value} $overrides {
        if {$name in {dir aclfile user rename-command appendonly save}} {
            tell ignored "start_server $options" "needs a server of its own ($name)"
            return
        }
    }
    set saved $::tags
    set ::tags [concat $::tags [lsearch -all -inline -not -exact $own external:skip]]
    if {[tags_acceptable $::tags why]} {
        run_block $overrides $code
    } else {
        tell ignored "start_server $options" $why
    }
    set ::tags $saved
}

proc run_block {overrides code} {
    set client [redis $::host $::port 0 0]
    select_database $client
    lappend ::servers [dict create host $::host port $::port client $client config [list port $::port]]
    catch {r flushall}
    catch {r function flush}
    set kept {}
    foreach {name value} $overrides {
        dict set kept $name [lindex [r config get $name] 1]
        if {[catch {r config set $name $value} error]} {tell between "config $name" $error}
    }
    run_commands 2 $code
    dict for {name value} $kept {catch {r config set $name $value}}
    catch {[dict get [lpop ::servers] client] close}
}

proc run_commands {level code} {
    set command {}
    foreach line [split $code \n] {
        append command $line \n
        if {![info complete $command]} continue
        if {[catch {uplevel [expr {$level + 1}] $command} error options]} {
            tell between [string range [string trim $command] 0 200] $error
        }
        set command {}
    }
}

if {[catch {uplevel #0 [list source tests/$unit.tcl]} error]} {
    tell between $unit "$error $::errorInfo"
}
tell done
