# The fast path of client.py, for machines with perl, which starts in a tenth of the
# time of Python. Whatever is not as usual is left to client.py.
#
# usage: perl client.pl SOCKET COMMAND...
my ($path, @command) = @ARGV;
(my $client = __FILE__) =~ s/\.pl$/.py/;
my ($folder) = $path =~ m{^(.+)/};

sub leave_to_python {
    $SIG{PIPE} = 'DEFAULT';
    exec {$command[0]} $command[0], '-I', '-S', $client, $path, @command;
    exit 127;
}

sub run_cold {
    my $reason = shift;
    $SIG{PIPE} = 'DEFAULT';
    syswrite STDOUT, "starts an interpreter of its own: $reason\n";
    exec {$command[0]} @command;
    exit 127;
}

my @stat = lstat $folder;
leave_to_python() unless @stat && $stat[4] == $> && !($stat[2] & 077);
# AF_UNIX and SOCK_STREAM are 1 on Linux; the module Socket takes longer to load than all
# else takes.
socket my $server, 1, 1, 0 or leave_to_python();
connect $server, pack 'S a*', 1, $path or leave_to_python();

$SIG{PIPE} = 'IGNORE';
my $body = join '', map "$_\0", @command, map "$_=$ENV{$_}", keys %ENV;
my $request = @command . ' ' . length($body) . "\n$body";
while (length $request) {
    my $written = syswrite $server, $request;
    last unless defined $written;
    substr $request, 0, $written, '';
}

# Add what comes to an answer; false once there is no more.
sub receive {
    while (1) {
        my $got = sysread $server, $_[0], 4096, length $_[0];
        return $got if defined $got;
        # EINTR, by its number: its name takes a module.
        return 0 unless $! == 4;
    }
}

my $answer = '';
receive($answer) or run_cold('the warm process ended before it could take this step');
if ($answer =~ /^C/) {
    1 while receive($answer);
    run_cold(substr $answer, 1);
}
for my $name (['TERM', 15], ['INT', 2], ['HUP', 1]) {
    my ($signal, $number) = @$name;
    $SIG{$signal} = sub { syswrite $server, chr $number };
}
while (length $answer < 2) {
    # Nobody is left to tell how the step ended: as if it had been killed.
    receive($answer) or exit 137;
}
exit ord substr $answer, 1;
