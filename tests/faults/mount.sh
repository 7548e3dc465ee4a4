# FOLDER NAME,... COMMAND...: mounts ../mounts/NAME of the folder over each of its files, and
# runs the command.  77: mounts are not allowed here.
folder=$1
names=$2
shift 2
IFS=,
for name in $names; do
	mount --bind "$folder/../mounts/$name" "$folder/$name" || exit 77
done
unset IFS
exec "$@"
